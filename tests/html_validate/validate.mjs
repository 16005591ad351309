// Reads pages from standard input, one JSON string per line; answers what is wrong with each, one JSON list per line.
import { createInterface } from "node:readline";
import { HtmlValidate, StaticConfigLoader } from "html-validate";

const validator = new HtmlValidate(
  new StaticConfigLoader({
    root: true,
    extends: ["html-validate:standard"],
    rules: { "no-implicit-close": "error", "no-missing-references": "error", "input-attributes": "error" },
  }),
);
for await (const line of createInterface({ input: process.stdin })) {
  const report = validator.validateStringSync(JSON.parse(line));
  const messages = report.results.flatMap((result) => result.messages);
  console.log(JSON.stringify(messages.map((one) => `${one.line}:${one.column} ${one.ruleId}: ${one.message}`)));
}
