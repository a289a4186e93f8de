/** Render the pages into the shell. */
import { render } from "preact";

function App() {
  return (
    <main>
      <h1>Pulse</h1>
      <p>The pages come with the next version. Until then use the HTTP API.</p>
    </main>
  );
}

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
