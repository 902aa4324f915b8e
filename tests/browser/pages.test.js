// Every page and dialog, light and dark, wide and narrow: accessible as far as axe can see, and nothing to scroll sideways.
import { isAccessible } from './accessibility.js';
import { DESKTOP, PHONE, useStage } from './browser.js';
import { fits } from './fitting.js';
import { SCENE, createAutoscalers } from './scene.js';
import { eventually } from './service.js';

let ids;
const stage = useStage({ speed: 20, config: SCENE }, async ({ api }) => {
  ids = await createAutoscalers(api);
  await eventually('there is a decision to look at', async () =>
    (await api('GET', `/autoscaling/${ids.web}`)).details.current_replicas === 4);
});

const button = (name) => (page) => page.getByRole('button', { name, exact: true }).first().click();
const autoscaler = (name) => () => `/#/autoscalers/${ids[name]}`;
const heading = (name) => (page) => page.getByRole('heading', { name, level: 1 }).waitFor();

/** What is looked at: where, what shows that it is there, and what is done before looking. */
const VIEWS = {
  'the fleet': { path: () => '/', ready: (page) => page.getByRole('link', { name: 'web', exact: true }).first().waitFor() },
  'a fleet in which nothing matches': { path: () => '/#/?text=nothing', ready: (page) => page.getByText('No autoscaler matches these filters.').waitFor() },
  'the keys': { path: () => '/', act: (page) => page.keyboard.press('?'), dialog: true },
  'the question of the brake': { path: () => '/', act: (page) => page.getByRole('button', { name: 'Put the emergency brake on' }).click(), dialog: true },
  'an autoscaler': { path: autoscaler('web'), ready: heading('web') },
  'an autoscaler that wants more than it may': { path: autoscaler('search'), ready: heading('search') },
  'an autoscaler with an unknown metric': { path: autoscaler('boundless'), ready: heading('boundless') },
  'an autoscaler with GPUs': { path: autoscaler('trainer'), ready: (page) => page.getByRole('region', { name: 'GPUs' }).waitFor() },
  'an opened decision': {
    path: autoscaler('web'),
    act: async (page) => {
      await page.getByRole('region', { name: 'Decisions' }).getByRole('button').filter({ hasText: /2 → 4/ }).first().click();
      await page.getByRole('heading', { name: 'Steps' }).waitFor();
    },
  },
  'the table of the chart': { path: autoscaler('web'), act: button('Show as table') },
  'the definition being changed': {
    path: autoscaler('web'),
    act: async (page) => {
      const definition = page.getByRole('region', { name: 'Definition' });
      await definition.getByRole('button', { name: 'Edit' }).click();
      await definition.getByRole('textbox', { name: /^CPU/ }).fill('30');
      await definition.getByText(/instead of/).first().waitFor();
      await definition.getByText('Scaling up').first().click();
    },
  },
  'the question before deleting': { path: autoscaler('web'), act: button('Delete…'), dialog: true },
  'what can be copied': { path: autoscaler('web'), act: button('Copy as…'), dialog: true },
  'the form for a new one, with faults': { path: () => '/#/new', act: button('Create') },
  'the sources': { path: () => '/#/sources', ready: (page) => page.getByText(/^Ready on/).waitFor() },
  'a page that is not there': { path: () => '/#/nowhere', ready: heading('There is no such page') },
};

/** Pages are looked at in both themes at both sizes; what is opened on them, and differs from them by little, in one each. */
const SIZES = [
  { viewport: DESKTOP, colorScheme: 'light' },
  { viewport: PHONE, colorScheme: 'dark' },
];

for (const [what, { path, ready = async () => {}, act, dialog = false }] of Object.entries(VIEWS)) {
  for (const { viewport, colorScheme } of SIZES) {
    const where = `${colorScheme}, ${viewport.width} px`;
    stage.test(`${what} is accessible, and fits: ${where}`, {
      viewport, colorScheme, reducedMotion: 'reduce', get path() { return path(); },
    }, async (page) => {
      await ready(page);
      await act?.(page);
      if (dialog) await page.getByRole('dialog').waitFor();
      await isAccessible(page, `${what}, ${where}`);
      await fits(page, `${what}, ${where}`);
      if (act) return;
      const other = colorScheme === 'light' ? 'dark' : 'light';
      await page.emulateMedia({ colorScheme: other });
      await isAccessible(page, `${what}, ${other}, ${viewport.width} px`);
    });
  }
}
