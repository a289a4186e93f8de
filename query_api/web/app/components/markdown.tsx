// Markdown as elements. HTML in it stays text, and images are named and never fetched.

import { marked, type Token, type Tokens } from "marked";
import type { ComponentChildren } from "preact";
import { Code } from "./code.tsx";

/** Render Markdown. */
export function Markdown({ text }: { readonly text: string }) {
  return <>{blocks(marked.lexer(text, { gfm: true }))}</>;
}

const blocks = (tokens: readonly Token[]): ComponentChildren =>
  tokens.map((token, at) => <Block key={at} token={token} />);

function Block({ token }: { readonly token: Token }): ComponentChildren {
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "heading":
      return <p class={`heading h${(token as Tokens.Heading).depth}`}>{inline(token.tokens)}</p>;
    case "paragraph":
      return <p>{inline(token.tokens)}</p>;
    case "text":
      return token.tokens === undefined ? <>{token.raw}</> : <>{inline(token.tokens)}</>;
    case "code":
      return <Code text={(token as Tokens.Code).text} language={(token as Tokens.Code).lang ?? ""} />;
    case "blockquote":
      return <blockquote>{blocks(token.tokens ?? [])}</blockquote>;
    case "list":
      return <List token={token as Tokens.List} />;
    case "table":
      return <Table token={token as Tokens.Table} />;
    case "hr":
      return <hr />;
    default:
      return <p class="plain">{token.raw}</p>;
  }
}

function List({ token }: { readonly token: Tokens.List }) {
  const items = token.items.map((item, at) => (
    <li key={at}>
      {item.task && <span aria-label={item.checked ? "done" : "open"}>{item.checked ? "☑ " : "☐ "}</span>}
      {blocks(item.tokens.filter((each) => each.type !== "checkbox"))}
    </li>
  ));
  return token.ordered ? <ol start={token.start === "" ? 1 : token.start}>{items}</ol> : <ul>{items}</ul>;
}

function Table({ token }: { readonly token: Tokens.Table }) {
  return (
    <div class="prose-table" role="group" tabIndex={0} aria-label="Table">
      <table>
        <thead>
          <tr>
            {token.header.map((cell, at) => (
              <th key={at} scope="col">
                {inline(cell.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, at) => (
            <tr key={at}>
              {row.map((cell, column) => (
                <td key={column}>{inline(cell.tokens)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const inline = (tokens: readonly Token[] | undefined): ComponentChildren =>
  (tokens ?? []).map((token, at) => <Inline key={at} token={token} />);

function Inline({ token }: { readonly token: Token }): ComponentChildren {
  switch (token.type) {
    case "strong":
      return <strong>{inline(token.tokens)}</strong>;
    case "em":
      return <em>{inline(token.tokens)}</em>;
    case "del":
      return <del>{inline(token.tokens)}</del>;
    case "codespan":
      return <code>{(token as Tokens.Codespan).text}</code>;
    case "br":
      return <br />;
    case "link":
      return <Link token={token as Tokens.Link} />;
    case "image":
      return <span class="chip">image: {(token as Tokens.Image).text || (token as Tokens.Image).href}</span>;
    case "escape":
      return <>{(token as Tokens.Escape).text}</>;
    case "text":
      return token.tokens === undefined ? <>{token.raw}</> : <>{inline(token.tokens)}</>;
    default:
      return <>{token.raw}</>;
  }
}

// Only addresses of the web are links; the reader sees where one leads.
function Link({ token }: { readonly token: Tokens.Link }) {
  if (!/^(https?:\/\/|mailto:)/i.test(token.href))
    return <span title={token.href}>{inline(token.tokens)}</span>;
  return (
    <a href={token.href} target="_blank" rel="noreferrer noopener nofollow" title={token.href}>
      {inline(token.tokens)}
    </a>
  );
}
