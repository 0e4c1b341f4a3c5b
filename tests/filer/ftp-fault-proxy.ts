// FTP fault proxy: stands before a real FTP server, follows its passive data connections, and does to these and to the commands
// that begin a transfer what networks and busy servers do.
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import {
  countFaults,
  type Fault,
  type FaultPlan,
  type FaultProxy,
  flow,
  join,
  listen,
  track,
} from "./fault-proxy.ts";

/** `bytes` is the size of the file, of which a fault strikes an eighth. A "status" is the answer to RETR and STOR. */
export async function startFtpFaultProxy(
  target: number,
  plan: FaultPlan & { bytes: number },
): Promise<FaultProxy> {
  const { due, hits } = countFaults(plan);
  const proxy = await listen((client, sockets) => {
    const server = connect(target, "127.0.0.1");
    join(client, server, sockets);
    client.on("data", (chunk) => {
      const fault =
        /^(RETR|STOR) /.test(chunk.toString()) && plan.fault.kind === "status" ? due() : undefined;
      if (fault?.kind !== "status") server.write(chunk);
      else client.write(`${fault.status} the proxy's own answer\r\n`);
    });
    server.on("data", (chunk) => {
      const port = /^229 .*\(\|\|\|(\d+)\|\)/m.exec(chunk.toString())?.[1];
      if (port === undefined) return client.write(chunk);
      const own = proxyData(Number(port), plan, due, sockets);
      return client.write(chunk.toString().replace(`|${port}|`, `|${own}|`));
    });
  });
  return { ...proxy, hits };
}

/** For one data connection; its port. */
function proxyData(
  target: number,
  plan: FaultPlan & { bytes: number },
  due: () => Fault | undefined,
  sockets: Set<Socket>,
): number {
  const listener = createServer({ allowHalfOpen: true }, (client) => {
    listener.close();
    track(client, sockets);
    const server = connect(target, "127.0.0.1");
    join(client, server, sockets);
    const fault = plan.fault.kind === "status" ? undefined : due();
    const pass = (from: Socket, to: Socket, suffers: boolean): void => {
      const end = (): void => void to.end();
      const way = flow(to, { bytes: plan.bytes, fault: suffers ? fault : undefined, end, from });
      from.on("data", way.push).on("end", way.finish);
    };
    pass(client, server, plan.side === "request");
    pass(server, client, plan.side === "answer");
  }).listen(0, "127.0.0.1");
  return (listener.address() as AddressInfo).port;
}
