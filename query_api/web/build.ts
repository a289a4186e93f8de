/**
 * Bundle app/ into ../pulse_web/static: `node build.ts`, or `node build.ts --watch` to rebuild on each change.
 *
 * Files have the hash of their content in their names. manifest.json names what the shell loads, and the
 * encodings of each file. A build for development has no compressed files.
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  watch,
  writeFileSync,
} from "node:fs";
import { basename, join, relative } from "node:path";
import { performance } from "node:perf_hooks";
import { brotliCompressSync, constants, gzipSync, zstdCompressSync } from "node:zlib";
import * as esbuild from "esbuild";

const ROOT = import.meta.dirname;
const APP = join(ROOT, "app");
const MAIN = join(APP, "main.tsx");
const STATIC = join(ROOT, "..", "pulse_web", "static");

/** Extension of a compressed file, and its content coding in HTTP. */
const ENCODINGS = {
  zst: [
    "zstd",
    (bytes: Uint8Array) => zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 19 } }),
  ],
  br: ["br", (bytes: Uint8Array) => brotliCompressSync(bytes)],
  gz: ["gzip", (bytes: Uint8Array) => gzipSync(bytes, { level: 9 })],
} as const;

interface Manifest {
  /** Whether the build is for development: not minified, without compressed files. */
  development: boolean;
  /** The module that the shell runs. */
  script: string;
  /** The modules that `script` imports statically. */
  preload: string[];
  styles: string[];
  icon: string;
  /** Every file with its content codings; "" (no coding) is in addition to them. */
  files: Record<string, string[]>;
}

/** Styles in the order of the cascade: tokens.css, base.css, then one file a part by name. */
function styleSheet(): string {
  const first = ["tokens.css", "base.css"];
  const names = readdirSync(join(APP, "style")).filter((name) => name.endsWith(".css"));
  const ordered = [
    ...first.filter((name) => names.includes(name)),
    ...names.filter((name) => !first.includes(name)).sort(),
  ];
  return ordered.map((name) => `@import "./${name}";`).join("\n");
}

const styles: esbuild.Plugin = {
  name: "styles",
  setup(build) {
    build.onResolve({ filter: /^app-styles$/ }, () => ({ path: "style", namespace: "styles" }));
    build.onLoad({ filter: /.*/, namespace: "styles" }, () => ({
      contents: styleSheet(),
      loader: "css",
      resolveDir: join(APP, "style"),
    }));
  },
};

/**
 * Let each module that is imported later import the main module, which runs already.
 *
 * esbuild puts modules into one file if the same entry points need them. Without this plugin the first load has a
 * file for each combination of later modules that share something with it; with it, the first load has one.
 */
const oneSharedFile: esbuild.Plugin = {
  name: "one shared file",
  setup(build) {
    const later = new Set<string>();
    build.onResolve({ filter: /^\./ }, async ({ path, kind, resolveDir, importer, pluginData }) => {
      if (kind !== "dynamic-import" || pluginData === later) return null;
      const resolved = await build.resolve(path, { kind, resolveDir, importer, pluginData: later });
      later.add(resolved.path);
      return resolved;
    });
    build.onLoad({ filter: /\.tsx?$/ }, ({ path }) => {
      if (!later.has(path)) return null;
      const contents = `import ${JSON.stringify(MAIN)};\n${readFileSync(path, "utf8")}`;
      return { contents, loader: path.endsWith("x") ? "tsx" : "ts" };
    });
  },
};

function options(development: boolean): esbuild.BuildOptions & { metafile: true; write: false } {
  return {
    absWorkingDir: ROOT,
    entryPoints: {
      main: MAIN,
      style: "app-styles",
      icon: "app/icon.svg",
    },
    outdir: STATIC,
    bundle: true,
    splitting: true,
    format: "esm",
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    assetNames: "[name]-[hash]",
    loader: { ".svg": "copy" },
    jsx: "automatic",
    jsxImportSource: "preact",
    target: ["chrome123", "firefox128", "safari17.5"],
    charset: "utf8",
    minify: !development,
    sourcemap: development ? "inline" : false,
    // LICENSES.txt has the licenses.
    legalComments: "none",
    metafile: true,
    write: false,
    plugins: [styles, oneSharedFile],
    logLevel: "warning",
  };
}

function write(result: esbuild.BuildResult<ReturnType<typeof options>>, development: boolean): Manifest {
  mkdirSync(STATIC, { recursive: true });
  const manifest = describe(result.metafile, development);
  for (const { path, contents } of result.outputFiles) {
    const name = basename(path);
    const codings: string[] = [];
    writeFileSync(join(STATIC, name), contents);
    for (const [extension, [coding, compress]] of development ? [] : Object.entries(ENCODINGS)) {
      const compressed = compress(contents);
      if (compressed.length < contents.length) {
        writeFileSync(join(STATIC, `${name}.${extension}`), compressed);
        codings.push(coding);
      }
    }
    manifest.files[name] = codings;
  }
  writeFileSync(join(STATIC, "LICENSES.txt"), licenses(result.metafile));
  // A server that reads the manifest in this moment has the old one or the new one, and the files of both.
  writeFileSync(join(STATIC, "manifest.json.new"), `${JSON.stringify(manifest, null, 1)}\n`);
  // A build for development is old, so that `make` replaces it.
  const ageS = development ? 1e9 : 0;
  utimesSync(join(STATIC, "manifest.json.new"), Date.now() / 1000 - ageS, Date.now() / 1000 - ageS);
  renameSync(join(STATIC, "manifest.json.new"), join(STATIC, "manifest.json"));
  removeOthers(manifest);
  return manifest;
}

function describe(metafile: esbuild.Metafile, development: boolean): Manifest {
  const outputs = Object.entries(metafile.outputs);
  const named = (prefix: string, extension: string) => {
    const found = outputs.find(
      ([path, { entryPoint }]) =>
        entryPoint !== undefined && basename(path).startsWith(`${prefix}-`) && path.endsWith(extension),
    );
    if (found === undefined) throw new Error(`the build has no ${prefix}${extension}`);
    return found;
  };
  const [script, { cssBundle }] = named("main", ".js");
  const [style] = named("style", ".css");
  const icon = outputs.map(([path]) => path).find((path) => /icon-[^/]*\.svg$/.test(path));
  if (icon === undefined) throw new Error("the build has no icon");
  return {
    development,
    script: basename(script),
    preload: [...staticImports(metafile, script)].map((path) => basename(path)).sort(),
    styles: [style, ...(cssBundle === undefined ? [] : [cssBundle])].map((path) => basename(path)),
    icon: basename(icon),
    files: {},
  };
}

function staticImports(metafile: esbuild.Metafile, path: string, found = new Set<string>()): Set<string> {
  for (const { kind, path: imported } of metafile.outputs[path]?.imports ?? []) {
    if (kind === "import-statement" && !found.has(imported))
      staticImports(metafile, imported, found.add(imported));
  }
  return found;
}

/** The licenses of the packages in the bundle, which ask for their text in copies. */
function licenses(metafile: esbuild.Metafile): string {
  const folders = new Set<string>();
  for (const path of Object.keys(metafile.inputs)) {
    const found = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path);
    if (found?.[1] !== undefined) folders.add(found[1]);
  }
  const texts = [...folders].sort().map((folder) => {
    const about = JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8"));
    const file = readdirSync(join(ROOT, folder)).find((name) => /^licen[cs]e/i.test(name));
    const text = file === undefined ? about.license : readFileSync(join(ROOT, folder, file), "utf8");
    return `${about.name} ${about.version}\n\n${text.trim()}\n`;
  });
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

function removeOthers(manifest: Manifest): void {
  const kept = new Set(["manifest.json", "LICENSES.txt", ...Object.keys(manifest.files)]);
  for (const name of readdirSync(STATIC)) {
    const compressed = Object.keys(ENCODINGS).find((extension) => name.endsWith(`.${extension}`));
    const source = compressed === undefined ? name : name.slice(0, -compressed.length - 1);
    const current =
      compressed === undefined ||
      manifest.files[source]?.includes(ENCODINGS[compressed as keyof typeof ENCODINGS][0]);
    if (!kept.has(source) || !current) rmSync(join(STATIC, name), { recursive: true });
  }
}

function report(manifest: Manifest, sinceMs: number): void {
  const size = (name: string) => gzipSync(readFileSync(join(STATIC, name))).length;
  const first = [manifest.script, ...manifest.preload, ...manifest.styles, manifest.icon];
  const total = first.reduce((sum, name) => sum + size(name), 0);
  const later = Object.keys(manifest.files).filter((name) => !first.includes(name));
  console.log(
    `first load ${(total / 1000).toFixed(1)} kB gzip in ${first.length} files, ${(performance.now() - sinceMs).toFixed(0)} ms`,
  );
  for (const name of later) console.log(`  later ${name} ${(size(name) / 1000).toFixed(1)} kB`);
}

async function buildOnce(): Promise<void> {
  const began = performance.now();
  report(write(await esbuild.build(options(false)), false), began);
}

/** Rebuild on each change below app/. esbuild's own watch mode polls, which takes up to two seconds. */
async function buildOnChanges(): Promise<void> {
  const context = await esbuild.context(options(true));
  let pending: NodeJS.Timeout | undefined;
  const rebuild = async () => {
    const began = performance.now();
    try {
      write(await context.rebuild(), true);
      console.log(`built in ${(performance.now() - began).toFixed(0)} ms`);
    } catch (error) {
      // esbuild has printed the errors of sources.
      if (!(error instanceof Error && "errors" in error)) throw error;
    }
  };
  await rebuild();
  // An editor writes a file in several steps.
  watch(APP, { recursive: true }, () => {
    clearTimeout(pending);
    pending = setTimeout(rebuild, 5);
  });
  console.log(`watching ${relative(process.cwd(), APP)}`);
}

await (process.argv.includes("--watch") ? buildOnChanges() : buildOnce());
