/** The settings of the test cluster from the environment. */
import { expect, test } from "bun:test";
import { readSettings } from "./settings.ts";

test.each([
  {
    title: "HOME",
    environment: { HOME: "/h" },
    state: "/h/.local/state/tespod/cluster-tespod",
    cache: "/h/.cache/tespod",
  },
  {
    title: "the XDG folders",
    environment: { HOME: "/h", XDG_STATE_HOME: "/s", XDG_CACHE_HOME: "/c" },
    state: "/s/tespod/cluster-tespod",
    cache: "/c/tespod",
  },
  {
    title: "own variables",
    environment: { HOME: "/h", TESPOD_CLUSTER_STATE: "/mine", TESPOD_CLUSTER_CACHE: "/kept" },
    state: "/mine",
    cache: "/kept",
  },
])("folders from $title", ({ environment, state, cache }) => {
  const { stateFolder, cacheFolder } = readSettings(environment);
  expect({ stateFolder, cacheFolder }).toEqual({ stateFolder: state, cacheFolder: cache });
});

test("an empty HOME does not put folders below the root or the working folder", () => {
  expect(readSettings({ HOME: "" }).stateFolder).toMatch(/^\/.+\/\.local\/state\//);
});

test("all ports differ and follow the first", () => {
  const ports = Object.values(readSettings({ TESPOD_CLUSTER_FIRST_PORT: "20000" }).ports);
  expect(ports.toSorted((a, b) => a - b)).toEqual(ports.map((_, index) => 20_000 + index));
});

test.each(["http", "80", "65001"])("port %p is refused", (port) => {
  expect(() => readSettings({ TESPOD_CLUSTER_FIRST_PORT: port })).toThrow(`"${port}"`);
});
