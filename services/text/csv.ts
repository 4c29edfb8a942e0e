/** Rows of comma-separated values. (RFC 4180) */

/** What a spreadsheet would run as a formula; file names and labels come from strangers, so an apostrophe makes it a text. */
const formula = /^[=+\-@\t\r]/;
const quoted = /[",\r\n]/;

function cell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const text = formula.test(value) ? `'${value}` : value;
  return quoted.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export const csvRow = (values: readonly (string | number | null)[]): string => `${values.map(cell).join(",")}\r\n`;
