// Figures: percentiles, ratios, and how they are printed.

export interface Figure {
  readonly bench: string;
  readonly figure: string;
  readonly unit: string;
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

const percentile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

const rounded = (value: number): number => Math.round(value * 1000) / 1000;

export function figure(bench: string, name: string, unit: string, values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => rounded(percentile(sorted, share));
  return {
    bench,
    figure: name,
    unit,
    count: values.length,
    p50: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    max: rounded(sorted.at(-1) ?? Number.NaN),
  };
}

/** One JSON line for machines. */
export const printLine = (line: object): void => console.log(JSON.stringify(line));

/** A table for people. */
export function printTable(figures: readonly Figure[]): void {
  const head = ["figure", "unit", "n", "p50", "p90", "p99", "max"];
  const rows = figures.map(({ figure: name, unit, count, p50, p90, p99, max }) =>
    [name, unit, count, p50, p90, p99, max].map(String),
  );
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  console.log(line(head));
  console.log(line(widths.map((width) => "-".repeat(width))));
  for (const row of rows) console.log(line(row));
}
