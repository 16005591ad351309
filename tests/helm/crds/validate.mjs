// Reads custom resources as a JSON array, writes the kind of each that is valid and complains about the others.
// The packages look at types and required fields; what they do not know at all is found in their type declarations.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const PACKAGES = {
  "monitoring.coreos.com": "@kubernetes-models/prometheus-operator",
  "gateway.networking.k8s.io": "@kubernetes-models/gateway-api",
  "keda.sh": "@kubernetes-models/keda",
};

for (const resource of JSON.parse(readFileSync(0, "utf8"))) {
  const group = resource.apiVersion.split("/")[0];
  const address = `${PACKAGES[group]}/${resource.apiVersion}/${resource.kind}`;
  const model = (await import(address))[resource.kind];
  const declared = declarations(fileURLToPath(import.meta.resolve(address)).replace(/\.js$/, ".d.ts"));
  try {
    new model(resource).validate();
    const unknown = [...keys(resource.spec)].filter((key) => !new RegExp(`"?\\b${key}\\b"?\\??:`).test(declared));
    if (unknown.length) throw new Error(`unknown: ${unknown.join(", ")}`);
    console.log(resource.kind);
  } catch (error) {
    console.error(`${resource.kind} ${resource.metadata.name}: ${error.message}`);
  }
}

// The text of a declaration file and of those that it imports, from other packages too.
function declarations(path, seen = new Set()) {
  if (seen.has(path) || path.endsWith("/validate.d.ts")) return "";
  seen.add(path);
  const text = readFileSync(path, "utf8");
  const imported = [...text.matchAll(/from "([^"]+)"/g)]
    .filter((match) => match[1].startsWith(".") || match[1].includes("kubernetes-models"))
    .map((match) => declarationPath(match[1], path));
  return text + imported.map((one) => declarations(one, seen)).join("\n");
}

function declarationPath(imported, from) {
  const address = imported.startsWith(".") ? new URL(imported, `file://${from}`).href : import.meta.resolve(imported);
  return fileURLToPath(address).replace(/(\.d\.ts|\.js)?$/, ".d.ts");
}

// Every key inside, except of maps whose keys are anybody's choice.
function* keys(value) {
  if (Array.isArray(value)) for (const item of value) yield* keys(item);
  else if (value && typeof value === "object")
    for (const [key, inner] of Object.entries(value)) {
      yield key;
      if (!["matchLabels", "labels", "annotations", "metadata"].includes(key)) yield* keys(inner);
    }
}
