// The API's pages, made from its own descriptions: every route with its parameters, body and answers, and every topic.

const METHODS = ["get", "post", "put", "delete"];

function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

function json(value) {
  return make("pre", "", JSON.stringify(value, null, 2));
}

function resolve(api, schema) {
  return schema?.$ref ? api.components.schemas[schema.$ref.split("/").at(-1)] : schema;
}

function ruleOf(schema) {
  if (!schema) return "";
  if (schema.anyOf) return schema.anyOf.map(ruleOf).join(" or ");
  if (schema.const !== undefined) return schema.const;
  const bounds = ["minimum", "maximum", "minLength", "maxLength", "default", "pattern"];
  const said = bounds.filter((name) => schema[name] !== undefined).map((name) => `${name} ${schema[name]}`);
  const values = schema.enum ? `one of ${schema.enum.map((each) => each ?? "null").join(", ")}` : [schema.type ?? schema.$ref?.split("/").at(-1) ?? "any"].flat().join(" or ");
  return [values, ...said].join(", ");
}

function table(head, rows) {
  const made = make("table");
  const top = made.createTHead().insertRow();
  for (const name of head) top.append(make("th", "", name));
  const body = made.createTBody();
  for (const cells of rows) {
    const row = body.insertRow();
    for (const cell of cells) row.append(make("td", "", cell));
  }
  return made;
}

function fieldsOf(schema) {
  return Object.entries(schema?.properties ?? {}).map(([name, field]) => [
    name, (schema.required ?? []).includes(name) ? "required" : "", ruleOf(field), field.description ?? "",
  ]);
}

function bodyOf(api, content) {
  const parts = [];
  for (const [type, media] of Object.entries(content)) {
    const schema = resolve(api, media.schema?.anyOf?.[0] ?? media.schema?.allOf?.[0] ?? media.schema);
    parts.push(make("p", "quiet", `Body, ${type}`));
    const fields = fieldsOf(schema);
    if (fields.length) parts.push(table(["Field", "", "Rule", "Meaning"], fields));
    const example = media.example ?? schema?.examples?.[0];
    if (example) parts.push(json(example));
  }
  return parts;
}

function route(api, path, method, operation) {
  const details = make("details");
  const summary = make("summary");
  summary.append(make("b", method, method.toUpperCase()), make("code", "", path), make("span", "", (operation.description ?? "").split("\n")[0].replaceAll("`", "")));
  const inside = make("div", "inside");
  for (const text of (operation.description ?? "").split("\n\n").slice(1)) inside.append(make("p", "", text));
  if (operation.parameters?.length) {
    inside.append(table(["Parameter", "In", "Rule", "Meaning"], operation.parameters.map((each) => [each.name, each.in, ruleOf(each.schema), each.description ?? ""])));
  }
  if (operation.requestBody) inside.append(...bodyOf(api, operation.requestBody.content));
  for (const [status, response] of Object.entries(operation.responses ?? {})) {
    const example = response.content?.["application/json"]?.example;
    if (!example) continue;
    inside.append(make("p", "quiet", `Answer ${status}`), json(example));
  }
  details.append(summary, inside);
  return details;
}

function topic(topics, name, channel) {
  const details = make("details");
  const summary = make("summary");
  summary.append(make("b", "", "SUB"), make("code", "", channel.address), make("span", "", channel.description));
  const inside = make("div", "inside");
  for (const each of Object.keys(channel.messages)) {
    const message = topics.components.messages[each];
    const one = resolve(topics, message.payload.items ?? message.payload);
    inside.append(make("p", "quiet", `${message.payload.items ? "Array of " : ""}${one.title ?? each}: ${one.description ?? "why it cannot be had"}`));
    if (one.properties) inside.append(table(["Field", "", "Rule", "Meaning"], fieldsOf(one)));
    for (const example of message.examples) inside.append(json(example.payload));
  }
  details.append(summary, inside);
  details.id = `topic-${name}`;
  return details;
}

const [api, topics] = await Promise.all(["/api/openapi.json", "/api/asyncapi.json"].map(async (path) => (await fetch(path)).json()));
document.getElementById("title").textContent = `${api.info.title}: API`;
const page = document.getElementById("docs");
for (const text of api.info.description.split("\n\n")) page.append(make("p", "", text.replaceAll("`", "")));
const byTag = new Map();
for (const [path, methods] of Object.entries(api.paths)) {
  for (const method of METHODS.filter((each) => methods[each])) {
    const tag = methods[method].tags?.[0] ?? "other";
    byTag.set(tag, [...(byTag.get(tag) ?? []), route(api, path, method, methods[method])]);
  }
}
for (const [tag, routes] of byTag) page.append(make("h2", "", tag), ...routes);
page.append(make("h2", "", topics.info.title), make("p", "", topics.info.description.replaceAll("`", "")));
for (const [name, channel] of Object.entries(topics.channels)) page.append(topic(topics, name, channel));
