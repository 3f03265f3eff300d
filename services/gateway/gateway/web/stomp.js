// STOMP 1.2 over a websocket, as much of it as a page needs: log in, subscribe, read, keep alive.

const HEART_BEAT_MS = 10_000;
const MISSED_BEATS = 3;

/** Raised when the gateway does not know the token any more. */
export class Denied extends Error {}

/**
 * Read destinations until the connection ends or `signal` aborts. `take(destination, document)` is called for each
 * message. Rejects with Denied when the token is refused, and with another error when the connection is lost.
 */
export function read({ url, token, destinations, take, signal }) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, ["v12.stomp"]);
    let heardAt = performance.now();
    let connected = false;
    const beat = setInterval(() => {
      if (connected) socket.send("\n");
      if (performance.now() - heardAt > MISSED_BEATS * HEART_BEAT_MS) end(new Error("the gateway says nothing"));
    }, HEART_BEAT_MS);

    function end(error) {
      clearInterval(beat);
      signal.removeEventListener("abort", aborted);
      socket.onclose = socket.onmessage = null;
      socket.close();
      if (error) reject(error);
      else resolve();
    }
    function aborted() {
      if (connected) socket.send(frame("DISCONNECT"));
      end();
    }
    signal.addEventListener("abort", aborted);

    socket.onopen = () => {
      const beats = `${HEART_BEAT_MS},${HEART_BEAT_MS}`;
      socket.send(frame("CONNECT", { authorization: token, "accept-version": "1.2", "heart-beat": beats }));
    };
    socket.onclose = () => end(new Error("the connection was lost"));
    socket.onmessage = ({ data }) => {
      heardAt = performance.now();
      // The gateway sends one frame in a message; a heart-beat is a line end.
      const { command, headers, body } = parsed(data);
      if (command === "CONNECTED") {
        connected = true;
        destinations.forEach((destination, id) => socket.send(frame("SUBSCRIBE", { id: String(id), destination })));
      } else if (command === "MESSAGE") {
        if (headers.status === "200") take(headers.destination, JSON.parse(body));
        else end(new Error(JSON.parse(body).message));
      } else if (command === "ERROR") {
        end(headers.message === "AccessDenied" ? new Denied(body) : new Error(`${headers.message}: ${body}`));
      }
    };
  });
}

function frame(command, headers = {}) {
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${command === "CONNECT" ? value : escaped(value)}\n`);
  return `${command}\n${lines.join("")}\n\0`;
}

function escaped(text) {
  return text.replaceAll("\\", "\\\\").replaceAll("\r", "\\r").replaceAll("\n", "\\n").replaceAll(":", "\\c");
}

const MEANT = { "\\r": "\r", "\\n": "\n", "\\c": ":", "\\\\": "\\" };

function parsed(text) {
  const end = text.indexOf("\n\n");
  if (end < 0) return { command: "" };
  const [command, ...lines] = text.slice(0, end).split("\n");
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon)] ??= line.slice(colon + 1).replace(/\\[rnc\\]/g, (found) => MEANT[found]);
  }
  return { command, headers, body: text.slice(end + 2, -1) };
}
