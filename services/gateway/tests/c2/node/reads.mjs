// Connects with @stomp/stompjs, subscribes to every destination named, and prints one line of JSON per message.
// Ends once each has said something, with "again" after one reconnect of its own.
import { Client, Versions } from "@stomp/stompjs";

const [url, tokenText, versions, rounds, ...destinations] = process.argv.slice(2);
let round = 0;
let waiting = new Set();

const client = new Client({
  brokerURL: url,
  connectHeaders: { authorization: tokenText },
  stompVersions: new Versions(versions.split(",")),
  heartbeatIncoming: 10000,
  heartbeatOutgoing: 10000,
  reconnectDelay: 50,
  splitLargeFrames: true,
  maxWebSocketChunkSize: 64,
});

client.onConnect = (frame) => {
  round += 1;
  waiting = new Set(destinations);
  console.log(JSON.stringify({ connected: frame.headers.version, round }));
  for (const destination of destinations) {
    client.subscribe(destination, (message) => {
      JSON.parse(message.body);
      console.log(JSON.stringify({ destination: message.headers.destination, status: message.headers.status, round }));
      waiting.delete(destination);
      if (waiting.size === 0) next();
    });
  }
};

client.onStompError = (frame) => {
  console.log(JSON.stringify({ error: frame.headers.message, body: frame.body }));
  client.deactivate();
};

function next() {
  if (round < Number(rounds)) {
    client.forceDisconnect();
    return;
  }
  client.watchForReceipt("bye", () => {
    console.log(JSON.stringify({ receipt: "bye" }));
    client.deactivate();
  });
  client.subscribe("/topic/config", () => {}, { receipt: "bye" });
}

client.activate();
