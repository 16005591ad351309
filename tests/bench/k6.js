// Runs of one plan, one after the other, each at a rate that does not wait for answers: k6 run -e PLAN=plan.json k6.js
// plan: {"stem": …, "runs": [{"rate", "seconds", "start_seconds", "users", "parts": [{"method", "url", "headers", "body", "share"}]}]}
import exec from 'k6/execution';
import http from 'k6/http';
import { Counter } from 'k6/metrics';

const plan = JSON.parse(open(__ENV.PLAN));
const counters = { answered: new Counter('answered'), failed: new Counter('failed'), limited: new Counter('limited'), broken: new Counter('broken') };
const scenarios = {}, thresholds = {};
const turns = plan.runs.map((run) => inTurns(run.parts));

plan.runs.forEach((run, number) => {
  const name = `run${number}`;
  scenarios[name] = {
    executor: 'constant-arrival-rate', exec: 'send', env: { RUN: String(number) },
    rate: run.rate, timeUnit: '1s', duration: `${run.seconds}s`, startTime: `${run.start_seconds}s`, gracefulStop: '5s',
    preAllocatedVUs: Math.ceil(run.users / 4), maxVUs: run.users,
  };
  // k6 sums up what belongs to a scenario only where a threshold asks for it. These hold always.
  thresholds[`http_req_duration{scenario:${name}}`] = ['max>=0'];
  for (const metric of [...Object.keys(counters), 'dropped_iterations']) thresholds[`${metric}{scenario:${name}}`] = ['count>=0'];
});

export const options = {
  scenarios, thresholds,
  discardResponseBodies: true,
  summaryTrendStats: ['p(50)', 'p(95)', 'p(99)', 'max'],
};

// Each kind of request as often as its share says, in an order that looks random and is the same in every run.
function inTurns(parts) {
  if (parts.length === 1) return [0];
  const order = parts.flatMap((part, number) => Array(part.share).fill(number));
  let state = 7;
  for (let place = order.length - 1; place > 0; place -= 1) {
    state = (state * 48271) % 2147483647;
    const other = state % (place + 1);
    [order[place], order[other]] = [order[other], order[place]];
  }
  return order;
}

export function send() {
  const number = Number(__ENV.RUN);
  const part = plan.runs[number].parts[turns[number][exec.scenario.iterationInTest % turns[number].length]];
  const { status } = http.request(part.method, part.url, part.body || null, { headers: part.headers, redirects: 0 });
  counters.answered.add(status ? 1 : 0);
  counters.broken.add(status ? 0 : 1);
  counters.limited.add(status === 429 ? 1 : 0);
  counters.failed.add(status >= 400 && status !== 429 ? 1 : 0);
}

export function handleSummary(data) {
  return { stdout: JSON.stringify(data.metrics) };
}
