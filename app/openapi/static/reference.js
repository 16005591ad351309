// Lets readers of the API reference send requests. Forms are made of /openapi.json; nothing is kept but in this page.
"use strict";

(() => {
  const panel = document.getElementById("credentials");
  const base = panel.dataset.base;
  let description = null;

  /** An element with attributes and children; texts are always texts, never markup. */
  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== false && value !== undefined) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children);
    return made;
  }

  /** A labelled input; `id` is unique on the page. */
  function field(id, label, input, note) {
    input.id = id;
    const parts = [element("label", { for: id }, label)];
    if (note) {
      const about = element("p", { class: "note", id: `${id}.note` }, note);
      input.setAttribute("aria-describedby", about.id);
      parts.push(about);
    }
    return element("div", {}, ...parts, input);
  }

  function text(type = "text") {
    return element("input", { type, autocomplete: "off", spellcheck: "false", autocapitalize: "off" });
  }

  const credentials = { client: text(), secret: text("password"), token: text("password"), key: text("password") };
  const news = element("p", { role: "status", class: "note" });

  function showPanel() {
    const form = element("form", {},
      element("div", { class: "pairs" },
        field("try:client", "client_id", credentials.client),
        field("try:secret", "client_secret", credentials.secret)),
      element("button", {}, "Get an access token"), news,
      element("div", { class: "pairs" },
        field("try:token", "Access token", credentials.token),
        field("try:key", "Operator key, for the utility's staff", credentials.key)));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      getToken();
    });
    panel.append(
      element("h2", {}, "Try it"),
      element("p", { class: "note" },
        "Requests go to this very server. What you enter stays in this page and is gone when you leave it."),
      form);
    panel.hidden = false;
  }

  async function getToken() {
    const form = new URLSearchParams({ grant_type: "client_credentials" });
    const headers = { Authorization: basic() };
    try {
      const answer = await fetch(`${base}/oauth/token`, { method: "POST", headers, body: form, credentials: "omit" });
      const body = await answer.json();
      if (answer.ok) credentials.token.value = body.access_token;
      news.textContent = answer.ok ? `A token for ${body.scope}.` : `${body.error}: ${body.error_description}`;
    } catch (error) {
      news.textContent = String(error);
    }
  }

  function basic() {
    return `Basic ${btoa(`${encodeURIComponent(credentials.client.value)}:${encodeURIComponent(credentials.secret.value)}`)}`;
  }

  /** The Authorization header that an operation needs, as far as it was entered. */
  function authorization(operation) {
    for (const name of operation.security.flatMap(Object.keys)) {
      if (name === "clientToken" && credentials.token.value) return `Bearer ${credentials.token.value}`;
      if (name === "operatorKey" && credentials.key.value) return `Bearer ${credentials.key.value}`;
      if (name === "clientBasic" && credentials.client.value && credentials.secret.value) return basic();
    }
    return null;
  }

  function resolved(schema) {
    return schema.$ref ? description.components.schemas[schema.$ref.split("/").pop()] : schema;
  }

  /** One input per member of a form, or one text for a JSON body. */
  function bodyInputs(id, operation) {
    if (!operation.requestBody) return [];
    const [[type, content]] = Object.entries(operation.requestBody.content);
    const example = content.examples ? Object.values(content.examples)[0].value : null;
    if (type === "application/json") {
      const area = element("textarea", { spellcheck: "false", rows: "9" });
      area.value = example === null ? "" : JSON.stringify(example, null, 2);
      return [{ name: "", type, input: area, shown: field(`${id}:body`, "Body", area) }];
    }
    return Object.entries(resolved(content.schema).properties).map(([name, schema]) => {
      const input = schema.format === "binary" ? element("input", { type: "file" }) : text();
      if (example && name in example) input.value = example[name];
      return { name, type, input, shown: field(`${id}:${name}`, name, input, schema.description) };
    });
  }

  function parameterInputs(id, operation) {
    return (operation.parameters || []).map((parameter) => {
      const input = text();
      if (parameter.in === "path") input.required = true;
      const note = parameter.in === "header" ? `Header. ${parameter.description}` : parameter.description;
      return { parameter, input, shown: field(`${id}:${parameter.name}`, parameter.name, input, note) };
    });
  }

  function request(method, path, operation, parameters, bodies) {
    let filled = path;
    const query = new URLSearchParams();
    const headers = {};
    for (const { parameter, input } of parameters.filter(({ input }) => input.value)) {
      if (parameter.in === "path") filled = filled.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (parameter.in === "query") query.append(parameter.name, input.value);
      else headers[parameter.name] = input.value;
    }
    const known = authorization(operation);
    if (known) headers.Authorization = known;
    const search = query.toString() ? `?${query}` : "";
    return [`${base}${filled}${search}`, { method, headers, credentials: "omit", redirect: "manual", ...body(bodies, headers) }];
  }

  function body(bodies, headers) {
    if (!bodies.length) return {};
    const { type } = bodies[0];
    if (type === "application/json") {
      if (!bodies[0].input.value.trim()) return {};
      headers["Content-Type"] = type;
      return { body: bodies[0].input.value };
    }
    const form = type === "multipart/form-data" ? new FormData() : new URLSearchParams();
    for (const { name, input } of bodies) {
      if (input.files ? input.files.length : input.value) form.append(name, input.files ? input.files[0] : input.value);
    }
    return { body: form };
  }

  async function show(id, output, url, options) {
    output.replaceChildren(element("p", { class: "note" }, `${options.method} ${url} …`));
    const began = performance.now();
    try {
      const answer = await fetch(url, options);
      const told = answer.type === "opaqueredirect"
        ? "The answer is a redirect, which browsers do not show to scripts." : await bodyText(answer);
      const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
      output.replaceChildren(
        element("p", {}, element("strong", {}, `${answer.status} ${answer.statusText}`.trim()),
          ` after ${Math.round(performance.now() - began)} ms`),
        block(headers, `Headers of the answer to ${id}`), block(told, `Body of the answer to ${id}`));
    } catch (error) {
      output.replaceChildren(element("p", { class: "wrong" }, String(error)));
    }
  }

  function block(content, label) {
    return content ? element("pre", { tabindex: "0", role: "region", "aria-label": label }, element("code", {}, content)) : "";
  }

  async function bodyText(answer) {
    const type = answer.headers.get("content-type") || "";
    if (!/json|text/.test(type)) return type ? `${(await answer.blob()).size} bytes of ${type}` : "";
    const said = await answer.text();
    if (!type.includes("json")) return said;
    const value = JSON.parse(said);
    if (value.client_secret && value.scope === "cds_client_admin") {
      credentials.client.value = value.client_id;
      credentials.secret.value = value.client_secret;
    }
    return JSON.stringify(value, null, 2);
  }

  function addForm(details) {
    const id = details.id;
    for (const [path, methods] of Object.entries(description.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (operation.operationId !== id) continue;
        const parameters = parameterInputs(id, operation);
        const bodies = bodyInputs(id, operation);
        const output = element("div", { role: "status" });
        const form = element("form", { class: "try", "aria-label": `Try ${id}` },
          element("h3", {}, "Try it"),
          ...[...parameters, ...bodies].map(({ shown }) => shown),
          element("button", { class: "yes" }, "Send"), output);
        form.addEventListener("submit", (event) => {
          event.preventDefault();
          show(id, output, ...request(method.toUpperCase(), path, operation, parameters, bodies));
        });
        details.querySelector(".about").append(form);
      }
    }
  }

  /** Open what the address leads to: a closed element has nothing to look at. */
  function openTarget() {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target instanceof HTMLDetailsElement) {
      target.open = true;
      target.scrollIntoView();
    }
  }

  async function begin() {
    const answer = await fetch(panel.dataset.openapi, { credentials: "omit" });
    description = await answer.json();
    showPanel();
    for (const details of document.querySelectorAll("details.operation")) {
      details.addEventListener("toggle", () => {
        if (details.open && !details.querySelector("form")) addForm(details);
      });
      if (details.open && !details.querySelector("form")) addForm(details);
    }
  }

  addEventListener("hashchange", openTarget);
  openTarget();
  begin();
})();
