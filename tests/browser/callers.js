// Users of a cluster with the rights that a test gives them. A simulated cluster has no users: what the service would
// answer them is answered on the way to the browser, and the rest goes on to a service that lets everybody in.

/**
 * Answers the page's requests as for these `users`, `{token: {name, groups}}`, which can be changed while it runs.
 * `forbid(method, path, details)` takes a right away, `path` being a pattern; `answer(method, path, response)` gives any
 * answer, once. `asked` has all requests to the API as `{method, path, token}`.
 */
export async function pretendUsers(page, users) {
  const cluster = { users, asked: [], forbidden: [], answers: [] };
  cluster.forbid = (method, path, details) => cluster.forbidden.push({ method, path, details });
  cluster.allow = () => (cluster.forbidden = []);
  cluster.answer = (method, path, response) => cluster.answers.push({ method, path, response });
  await page.route('**/api/v1/**', (route) => answered(route, cluster));
  return cluster;
}

const error = (status, error, details, headers = {}) => ({ status, headers, json: { error, details } });

/** The answer to somebody who asked too much, or while the cluster cannot be asked. */
export const later = (status, title, seconds) => error(status, title, 'of this test', { 'retry-after': String(seconds) });

function answered(route, cluster) {
  const request = route.request();
  const method = request.method();
  const { pathname, search } = new URL(request.url());
  const path = `${pathname.replace(/^.*?\/api\/v1/, '')}${search}`;
  const { authorization = '', ...headers } = request.headers();
  const token = authorization.replace(/^Bearer /, '');
  cluster.asked.push({ method, path, token });
  const user = Object.hasOwn(cluster.users, token) ? cluster.users[token] : null;
  if (!user) return route.fulfill(error(401, 'Unauthorized', 'that token is not known', { 'www-authenticate': 'Bearer' }));
  const means = (its) => its.method === method && its.path.test(path);
  const next = cluster.answers.findIndex(means);
  if (next >= 0) return route.fulfill(cluster.answers.splice(next, 1)[0].response);
  const refusal = cluster.forbidden.find(means);
  if (refusal) return route.fulfill(error(403, 'Forbidden', `${user.name} may not ${refusal.details}`));
  if (path === '/whoami') return route.fulfill({ json: { mode: 'kubernetes', groups: [], ...user } });
  return route.continue({ headers });
}

/** The answers that a caller without a right, or without a token, brings about. */
export const REFUSED = [/answer: 40[13]/, /status of 40[13]/];

/** Gives a token to the page that asks for it. */
export async function signIn(page, token) {
  const dialog = page.getByRole('dialog', { name: /^Sign in/ });
  await dialog.getByLabel('Token').fill(token);
  await dialog.getByRole('button', { name: 'Sign in' }).click();
}
