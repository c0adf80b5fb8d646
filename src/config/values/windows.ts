import type { ZodType } from 'zod';
import { isKnownZone, type MaintenanceWindow } from '../../cluster/maintenance-window';
import { Refusal, readText } from './text';

/** `22:00-04:00 Europe/Berlin`. */
export const maintenanceWindow: ZodType<MaintenanceWindow, string> = readText((text) => {
  const match = /^([^- ]+)-([^- ]+) (\S+)$/.exec(text);
  if (!match) return new Refusal('two times of day with - between them, a blank, and a time zone');
  const [, from = '', to = '', zone = ''] = match;
  const wrong = [from, to].find((time) => !/^([01]\d|2[0-3]):[0-5]\d$/.test(time));
  if (wrong !== undefined) return new Refusal(`${wrong} is no time of day from 00:00 to 23:59`);
  if (from === to) return new Refusal('it begins when it ends');
  return isKnownZone(zone) ? { from, to, zone } : new Refusal(`no time zone ${zone} is known`);
});
