// Definitions as forms, faults, merge patches, and as text to copy.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

import {
  changedPaths, definitionOf, emptyForm, formOf, mergePatch, newRateLimit, patchOf, rebase, sortFaults,
} from '../../assets/dashboard/spec/definition.js';
import { curl, shellQuote, yaml, yamlScalar } from '../../assets/dashboard/spec/export.js';
import { FIELDS } from '../../assets/dashboard/spec/fields.js';

/** A definition as the service writes it out. */
const policy = (window) => ({
  stabilization_window_seconds: window, max_scale_change: 0, tolerance_percent: 10, stabilization: 'default', select_policy: 'Max',
});
const SPEC = {
  workload_name: 'web-frontend', workload_namespace: 'production', workload_type: 'Deployment',
  min_replicas: 2, max_replicas: 10, target_cpu_percent: 70,
  scale_up_policy: policy(0), scale_down_policy: policy(300),
  interval_seconds: 15, mode: 'active', compatibility: 'default',
  warm_up: { cpu_initialization_seconds: 300, readiness_delay_seconds: 30 }, capacity: 'respect', on_conflict: 'yield',
};
const edited = (changes) => ({ ...formOf(SPEC), ...changes });
const faults = (changes) => definitionOf(edited(changes)).faults.map(({ path, message }) => `${path} ${message}`);

test('a definition survives the form, but for zeros that say nothing', () => {
  const expected = structuredClone(SPEC);
  delete expected.scale_up_policy.max_scale_change;
  delete expected.scale_down_policy.max_scale_change;
  assert.deepEqual(definitionOf(formOf(SPEC)), { spec: expected, faults: [] });
});

test('an untouched form changes nothing', () => {
  assert.equal(patchOf(formOf(SPEC), formOf(SPEC)), null);
});

test('the patch has what was changed and nothing else', () => {
  const patch = (changes) => patchOf(formOf(SPEC), edited(changes));
  assert.deepEqual(patch({ target_cpu_percent: '60' }), { target_cpu_percent: 60 });
  assert.deepEqual(patch({ target_cpu_percent: '', target_gpu_percent: '80' }), { target_cpu_percent: null, target_gpu_percent: 80 });
  assert.deepEqual(patch({ 'scale_up_policy.max_scale_change': '3' }), { scale_up_policy: { max_scale_change: 3 } });
  assert.deepEqual(patch({ 'scale_up_policy.tolerance_percent': '' }), { scale_up_policy: { tolerance_percent: null } });
  assert.deepEqual(patch({ 'scale_down_policy.policies': [{ type: 'Percent', value: '50', period_seconds: '60' }] }),
    { scale_down_policy: { policies: [{ type: 'Percent', value: 50, period_seconds: 60 }] } });
  assert.deepEqual(patch({ on_conflict: 'insist' }), { on_conflict: 'insist' });
  assert.deepEqual(patch({ 'scale_down_policy.max_scale_change': '0' }), null, '0 is no limit, as before');
});

test('taking the last rate limit away gives it its default again', () => {
  const limited = { ...SPEC, scale_up_policy: { ...policy(0), policies: [{ type: 'Pods', value: 1, period_seconds: 15 }] } };
  const form = formOf(limited);
  assert.deepEqual(patchOf(form, { ...form, 'scale_up_policy.policies': [] }), { scale_up_policy: { policies: null } });
});

test('a merge patch of objects is as small as it can be', () => {
  assert.deepEqual(mergePatch({ a: { b: 1, c: 2 }, d: [1] }, { a: { b: 1, c: 3 }, d: [1, 2], e: 0 }), { a: { c: 3 }, d: [1, 2], e: 0 });
  assert.deepEqual(mergePatch({ a: { b: 1 } }, {}), { a: null });
});

test('faults say what may be', () => {
  assert.deepEqual(faults({ min_replicas: '' }), ['min_replicas is required']);
  assert.deepEqual(faults({ min_replicas: '0' }), ['min_replicas must be at least 1']);
  assert.deepEqual(faults({ min_replicas: '2.5' }), ['min_replicas must be a whole number']);
  assert.deepEqual(faults({ max_replicas: '1' }), ['max_replicas must be greater than or equal to min_replicas']);
  assert.deepEqual(faults({ max_replicas: '3000000000' }), ['max_replicas must be at most 2147483647']);
  assert.deepEqual(faults({ target_cpu_percent: '101' }), ['target_cpu_percent must be between 0 and 100']);
  assert.deepEqual(faults({ target_cpu_percent: '' }), ['targets at least one target is required']);
  assert.deepEqual(faults({ target_cpu_percent: '0' }), ['targets at least one target is required'], '0 is none');
  assert.deepEqual(faults({ interval_seconds: '3601' }), ['interval_seconds must be between 1 and 3600']);
  assert.deepEqual(faults({ 'scale_up_policy.tolerance_percent': '-1' }), ['scale_up_policy.tolerance_percent must be at least 0']);
  assert.deepEqual(faults({ 'scale_up_policy.tolerance_percent': 'ten' }), ['scale_up_policy.tolerance_percent must be a number']);
  assert.match(faults({ container_name: 'Main' })[0], /^container_name must be at most 63/);
  assert.deepEqual(faults({ 'scale_up_policy.policies': [{ type: 'Pods', value: '0', period_seconds: '' }] }),
    ['scale_up_policy.policies[0].value must be at least 1', 'scale_up_policy.policies[0].period_seconds is required']);
  assert.deepEqual(faults({ 'scale_up_policy.policies': Array.from({ length: 17 }, () => ({ ...newRateLimit(), value: '1' })) }),
    ['scale_up_policy.policies must be at most 16']);
});

test('names are those of Kubernetes', () => {
  const named = (name) => faults({ workload_name: name }).length === 0;
  assert.deepEqual(['a', 'web-1', 'web.v2', 'Web', '-a', 'a-', 'a..b', 'ä', 'a_b'].map(named),
    [true, true, true, false, false, false, false, false, false]);
});

test('a new autoscaler is asked for with what is not default', () => {
  const form = { ...emptyForm(), workload_name: 'web', workload_namespace: 'default', min_replicas: '1', max_replicas: '5', target_cpu_percent: '70' };
  assert.deepEqual(definitionOf(form, { omitDefaults: true }), {
    spec: { workload_type: 'auto', workload_namespace: 'default', workload_name: 'web', min_replicas: 1, max_replicas: 5, target_cpu_percent: 70 },
    faults: [],
  });
});

test('an edit follows what somebody else changed, but for what was touched', () => {
  const before = formOf(SPEC);
  const after = formOf({ ...SPEC, max_replicas: 20, target_cpu_percent: 50 });
  const mine = { ...before, target_cpu_percent: '60' };
  const rebased = rebase(mine, before, after);
  assert.equal(rebased.max_replicas, '20');
  assert.equal(rebased.target_cpu_percent, '60');
  assert.deepEqual(changedPaths(rebased, after), ['target_cpu_percent']);
});

test("the service's words go to the fields that they name, unchanged", () => {
  const { fields, rest } = sortFaults('min_replicas must be at least 1; scale_up_policy.policies[1].value is required; '
    + 'at least one of target_cpu_percent, target_memory_percent must be greater than 0; something else');
  assert.equal(fields.get('min_replicas'), 'min_replicas must be at least 1');
  assert.equal(fields.get('scale_up_policy.policies[1].value'), 'scale_up_policy.policies[1].value is required');
  assert.match(fields.get('targets'), /^at least one of/);
  assert.deepEqual(rest, ['something else']);
});

test('no field is named twice', () => {
  assert.equal(new Set(FIELDS.map(({ path }) => path)).size, FIELDS.length);
});

const NASTY = [
  '', 'a', "it's", '"', '$HOME', '`id`', 'a b', 'a\nb', '\\', '!x', '*', '~', '# no', 'a: b', '- a', 'yes', 'No', 'on', 'null', '~', '1', '1.0',
  '0x1f', '1e3', '.5', '2026-11-27', '12:30', 'true', 'y', '{a}', '[a]', '&a', '@a', '%a', '|', '>', '=', '<<', '?', ' a', 'a ', '\t', '\u2028', '\u0085', 'ä', '😀', '.inf', 'NaN',
];

test('a shell reads back what was quoted', () => {
  for (const text of NASTY) {
    assert.equal(execFileSync('/bin/sh', ['-c', `printf %s ${shellQuote(text)}`]).toString(), text, JSON.stringify(text));
  }
});

test('a copied command never has the token, but says where it goes', () => {
  const text = curl({ method: 'PATCH', url: 'http://127.0.0.1:8080/api/v1/autoscaling/autoscaler-1', body: { note: "it's" }, withToken: true });
  assert.equal(text, [
    'curl -X PATCH http://127.0.0.1:8080/api/v1/autoscaling/autoscaler-1',
    '-H "Authorization: Bearer $AUTOSCALER_TOKEN"',
    "-H 'Content-Type: application/json'",
    '-d \'{"note":"it\'\\\'\'s"}\'',
  ].join(' \\\n  '));
  assert.doesNotMatch(curl({ method: 'GET', url: 'http://a/' }), /Authorization|-d/);
});

test('YAML has quotes where another type, or no YAML, would come of it', () => {
  const plain = NASTY.filter((text) => yamlScalar(text) === text);
  assert.deepEqual(plain, ['a']);
  assert.equal(yamlScalar('web-frontend'), 'web-frontend');
  assert.equal(yamlScalar('a\u2028b'), '"a\\u2028b"');
  assert.deepEqual([yamlScalar(70), yamlScalar(true), yamlScalar(null)], ['70', 'true', 'null']);
});

test('a definition as YAML', () => {
  assert.equal(yaml({ name: 'web', no: { a: 1, b: [] }, policies: [{ type: 'Pods', value: 4 }, { type: 'Percent', value: 100 }], list: ['x', [1]], empty: {} }),
    `name: web
"no":
  a: 1
  b: []
policies:
  - type: Pods
    value: 4
  - type: Percent
    value: 100
list:
  - x
  - - 1
empty: {}
`);
});
