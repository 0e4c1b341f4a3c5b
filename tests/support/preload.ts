// Runs before all test files: what they share is removed after the last of them.
import { afterAll } from "bun:test";
import { runCleanups } from "./cleanups.ts";

afterAll(runCleanups, 180_000);
