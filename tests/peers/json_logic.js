// Random rules on random data: json-logic-js and our own are to give the same. Arguments: our program, how many, seed.
"use strict";
const {spawnSync} = require("child_process");
const logic = require("json-logic-js");

const [program, countText, seedText] = process.argv.slice(2);
const COUNT = Number(countText || 10000);
const SEED = Number(seedText || 1); // the same rules each time
const SHOWN = 20;
console.log = () => {}; // of the operation log

let state = SEED;
function random(n) { // mulberry32: the same numbers everywhere
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
}
const pick = list => list[random(list.length)];
const some = (least, most, make) => Array.from({length: least + random(most - least + 1)}, make);

const NUMBERS = [0, 1, -1, 2, 3, 7, 10, 0.1, 0.5, -2.5, 100, 1e21, 1e-7, 123456.789, 4294967296];
// None with characters beyond 16 bits: JavaScript cuts them into halves, which UTF-8 has no way to write.
const TEXTS = ["", "0", "1", "a", "b", "abc", "Pump-7", " 5 ", "5x", "0x1f", "1e3", ".5", "5.", "-3", "Infinity", "NaN",
    "null", "true", "x.y", "1,2", "é日本", "-", "+1", "\n"];
const KEYS = ["a", "b", "c", "l", "m", "n", "o.a", "l.0", "l.1", "l.9", "m.a.b", "s.length", "l.length", "s.0", "nothing",
    "o.", ".", "o.a.b", "n.a", "", "l.00", "l.-1", "deviceName", "readings.0.value"];

function scalar() {
    switch (random(8)) {
    case 0: return null;
    case 1: return random(2) === 0;
    case 2: case 3: case 4: return pick(NUMBERS);
    default: return pick(TEXTS);
    }
}
function value(depth) {
    const kind = random(depth > 0 ? 10 : 7);
    if (kind < 7) return scalar();
    if (kind < 9) return some(0, 4, () => value(depth - 1));
    return Object.fromEntries(some(0, 3, () => [pick(["a", "b", "c"]), value(depth - 1)]));
}
function data() {
    if (random(12) === 0) return value(2);
    return {
        a: scalar(), b: value(1), c: pick(NUMBERS), l: some(0, 5, () => pick(NUMBERS)), m: some(0, 4, () => value(2)),
        n: null, s: pick(TEXTS), o: {a: scalar(), b: value(1), "": 1}, deviceName: pick(["Pump-7", "Fan"]),
        readings: some(0, 2, () => ({resourceName: pick(["T", "P"]), valueType: "Float64", value: String(pick(NUMBERS))})),
    };
}

const PLAIN = ["==", "===", "!=", "!==", "<", "<=", ">", ">=", "%", "/", "-", "in"];
const MANY = ["+", "*", "min", "max", "cat", "merge", "and", "or", "if", "?:"];
const LISTS = ["map", "filter", "all", "some", "none"];
function rule(depth, scoped) {
    if (depth === 0 || random(7) === 0) return leaf(scoped);
    const sub = () => rule(depth - 1, scoped);
    switch (random(11)) {
    case 0: case 1: case 2: return {[pick(PLAIN)]: some(random(8) === 0 ? 0 : 2, random(6) === 0 ? 3 : 2, sub)};
    case 3: case 4: return {[pick(MANY)]: some(0, 4, sub)};
    case 5: return {[pick(["!", "!!"])]: random(2) ? [sub()] : sub()};
    case 6: case 7: return {[pick(LISTS)]: [list(depth - 1, scoped), rule(depth - 1, true)]};
    case 8: return {reduce: [list(depth - 1, scoped), reduction(depth - 1), ...some(0, 1, sub)]};
    case 9: return {substr: [sub(), ...some(1, 2, () => random(4) ? random(9) - 4 : sub())]};
    default: return keys(depth, scoped);
    }
}
function keys(depth, scoped) {
    switch (random(4)) {
    case 0: return {missing: some(0, 4, () => pick(KEYS))};
    case 1: return {missing: [some(0, 4, () => pick(KEYS))]};
    case 2: return {missing_some: [random(4), some(0, 4, () => pick(KEYS))]};
    default: return {log: [rule(depth - 1, scoped)]};
    }
}
function list(depth, scoped) {
    return random(3) ? {var: pick(["l", "m", "readings", ""])} : random(2) ? some(0, 4, scalar) : rule(depth, scoped);
}
function reduction(depth) {
    return {[pick(["+", "*", "max", "cat", "merge", "and"])]: [{var: "current"}, {var: "accumulator"}, ...some(0, 1, () => rule(depth, true))]};
}
function leaf(scoped) {
    switch (random(4)) {
    case 0: return scalar();
    case 1: return random(3) ? {var: [pick(KEYS), scalar()]} : {var: scalar()};
    case 2: return scoped ? {var: random(2) ? "" : pick(["a", "value", "resourceName"])} : {var: pick(KEYS)};
    default: return random(3) ? {var: pick(KEYS)} : value(2);
    }
}

const cases = [];
let thrown = 0;
while (cases.length < COUNT) {
    const one = {rule: rule(1 + random(4), false), data: data()};
    // What JSON has no words for is not asked.
    one.text = JSON.stringify(one.rule) + "\n" + JSON.stringify(one.data) + "\n";
    try {
        const result = logic.apply(JSON.parse(JSON.stringify(one.rule)), JSON.parse(JSON.stringify(one.data)));
        one.wanted = JSON.stringify(result === undefined ? null : result);
    } catch (e) {
        thrown++;
        continue;
    }
    cases.push(one);
}
const run = spawnSync(program, {input: cases.map(c => c.text).join(""), maxBuffer: 1 << 30});
if (run.status !== 0) {
    process.stderr.write(`${program} ended with ${run.status}: ${run.stderr}\n`);
    process.exit(2);
}
const answers = run.stdout.toString().split("\n");
const other = cases.filter((c, i) => {
    c.got = answers[i];
    try {
        c.got = JSON.stringify(JSON.parse(c.got)); // one way to write a number
    } catch (e) {
        // as it is
    }
    return c.got !== c.wanted;
});
for (const c of other.slice(0, SHOWN)) {
    process.stdout.write(`rule ${JSON.stringify(c.rule)}\ndata ${JSON.stringify(c.data)}\nours ${c.got}\nits  ${c.wanted}\n\n`);
}
process.stdout.write(`${COUNT} rules (seed ${SEED}; ${thrown} more that json-logic-js does not evaluate): ${other.length} differ\n`);
process.exit(other.length > 0 ? 1 : 0);
