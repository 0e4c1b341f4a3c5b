// An FTP server that cannot be had: each of its answers is made up.
import { type AddressInfo, createServer, type Socket } from "node:net";

export interface Data {
  port: number;
  end(bytes: string): void;
}

/** It says what it was told. */
export function startMadeUpServer(answers: Record<string, string | ((data: Data) => string)>) {
  const told: string[] = [];
  const sockets = new Set<Socket>();
  const data: Data = { end: () => undefined, port: 0 };
  const dataServer = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    data.end = (bytes) => void socket.end(bytes);
  }).listen(0, "127.0.0.1");
  data.port = (dataServer.address() as AddressInfo).port;
  const defaults: typeof answers = {
    AUTH: "502 no",
    USER: "230 in",
    FEAT: "211 none",
    PWD: '257 "/"',
    TYPE: "200 ok",
    EPSV: "500 no",
    PASV: ({ port }) => `227 ok (10,1,2,3,${port >> 8},${port & 255})`,
    ...answers,
  };
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    socket.write("220 hello\r\n");
    socket.on("data", (chunk) => {
      for (const line of chunk.toString().split("\r\n").filter(Boolean)) {
        told.push(line);
        const answer = defaults[line.split(" ")[0] ?? ""] ?? "500 what?";
        socket.write(`${typeof answer === "string" ? answer : answer(data)}\r\n`);
      }
    });
  }).listen(0, "127.0.0.1");
  return {
    told,
    url: `ftp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      dataServer.close();
    },
  };
}
