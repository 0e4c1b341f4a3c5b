// Registry: counters, gauges and histograms, and their text in the format that Prometheus reads (version 0.0.4).

export type Labels = Readonly<Record<string, string | number>>;

export interface Counter {
  add(labels?: Labels, by?: number): void;
}

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

export interface Registry {
  counter(name: string, help: string): Counter;
  /** Read each time the text is asked for; one that cannot be read is left out. */
  gauge(name: string, help: string, read: () => Samples | Promise<Samples>): void;
  /** `bounds` are those of its buckets, ascending. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram;
  text(): Promise<string>;
}

type Samples = number | readonly { readonly labels: Labels; readonly value: number }[];
type Lines = () => readonly string[] | Promise<readonly string[]>;

/** Label values come from closed sets, so this is never reached unless one is open by mistake. */
const seriesMax = 1000;

export function createRegistry(): Registry {
  const families: { readonly head: string; readonly lines: Lines }[] = [];
  const family = (name: string, help: string, type: string, lines: Lines) =>
    families.push({ head: `# HELP ${name} ${help}\n# TYPE ${name} ${type}`, lines });

  return {
    counter(name, help) {
      const values = new Map<string, number>();
      family(name, help, "counter", () => [...values].map(([labels, value]) => `${name}${labels} ${value}`));
      return {
        add(labels = {}, by = 1) {
          const key = written(labels);
          if (values.has(key) || values.size < seriesMax) values.set(key, (values.get(key) ?? 0) + by);
        },
      };
    },
    gauge(name, help, read) {
      family(name, help, "gauge", async () => {
        const samples = await read();
        const list = typeof samples === "number" ? [{ labels: {}, value: samples }] : samples;
        return list.map(({ labels, value }) => `${name}${written(labels)} ${value}`);
      });
    },
    histogram(name, help, bounds) {
      const series = new Map<string, { labels: Labels; counts: number[]; sum: number; count: number }>();
      family(name, help, "histogram", () =>
        [...series.values()].flatMap(({ labels, counts, sum, count }) => [
          ...bounds.map(
            (bound, index) => `${name}_bucket${written({ ...labels, le: bound })} ${counts[index]}`,
          ),
          `${name}_bucket${written({ ...labels, le: "+Inf" })} ${count}`,
          `${name}_sum${written(labels)} ${sum}`,
          `${name}_count${written(labels)} ${count}`,
        ]),
      );
      return {
        observe(value, labels = {}) {
          const key = written(labels);
          const one = series.get(key) ?? { labels, counts: bounds.map(() => 0), sum: 0, count: 0 };
          if (series.size < seriesMax) series.set(key, one);
          bounds.forEach((bound, index) => {
            if (value <= bound) one.counts[index] = (one.counts[index] ?? 0) + 1;
          });
          one.sum += value;
          one.count += 1;
        },
      };
    },
    async text() {
      const parts = families.map(async ({ head, lines }) => {
        const found = await Promise.resolve()
          .then(lines)
          .catch(() => []);
        return found.length === 0 ? "" : `${[head, ...found].join("\n")}\n`;
      });
      return (await Promise.all(parts)).join("");
    },
  };
}

function written(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(String(value))}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const escaped = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
