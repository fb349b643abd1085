// Runs tests one after the other, each within its time, and counts them.

let passed = 0;
let failed = 0;

/** Runs one test. A test that fails or takes too long is reported, and the next one begins. */
export async function test(name, seconds, body) {
  const began = Date.now();
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${seconds} s`)), seconds * 1000);
  });
  try {
    await Promise.race([body(), late]);
    passed += 1;
    console.log(`ok      ${name} (${Date.now() - began} ms)`);
    return true;
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name} (${Date.now() - began} ms)\n        ${String(error.message ?? error).replaceAll('\n', '\n        ')}`);
    return false;
  } finally {
    clearTimeout(timer);
  }
}

/** Prints the closing line; returns the exit code. */
export function close() {
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

/** Throws `message` unless `fact` holds. */
export function expect(fact, message) {
  if (!fact) throw new Error(message);
}
