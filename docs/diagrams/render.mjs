// Draws every diagram of this folder: NAME.d2 becomes NAME.svg, in one file for light and dark.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { D2 } from "@terrastruct/d2";

const d2 = new D2();
for (const file of readdirSync(".").filter((name) => name.endsWith(".d2"))) {
  const source = readFileSync(file);
  const look = { themeID: 0, darkThemeID: 200, pad: 16, noXMLTag: true, salt: file };
  const { diagram } = await d2.compile({
    fs: { index: source.toString() },
    options: { layout: "elk", ...look },
  });
  const svg = await d2.render(diagram, look);
  // A test compares this with the source: another machine may place things a pixel apart.
  const hash = createHash("sha256").update(source).digest("hex");
  writeFileSync(file.replace(".d2", ".svg"), `${svg}\n<!-- sha256 of ${file}: ${hash} -->\n`);
  console.log(`docs/diagrams/${file.replace(".d2", ".svg")}`);
}
process.exit(0); // the library's worker would wait for more
