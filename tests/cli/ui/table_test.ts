import { assertEquals } from "@std/assert";
import { table } from "../../../cli/ui/table.ts";

Deno.test("table() aligns columns under a heading and a rule, without spaces at line ends", () => {
  const columns = [{ name: "member" }, { name: "top-1", align: "right" }, { name: "note" }] as const;
  assertEquals(table(columns, [["peer0", "96.10 %", ""], ["mean-logit ensemble", 9, "best"], ["leader"]]).split("\n"), [
    "member                 top-1  note",
    "──────────────────────────────────",
    "peer0                96.10 %",
    "mean-logit ensemble        9  best",
    "leader",
  ]);
});

Deno.test("table() of no rows is its heading and the rule", () => {
  assertEquals(table([{ name: "member" }], []), "member\n──────");
});
