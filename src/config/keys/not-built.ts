import { defineKey, type Section } from '../key';
import { hostAddress } from '../values/places';
import { backupRepository, webhookUrl } from '../values/remotes';
import { cron } from '../values/schedules';
import { flag } from '../values/text';

/** Names that are kept for what comes later, so that nobody's `.env` has to change then and nobody is promised it now. */

const recovery = 'recovery is not built yet';
const backup = 'backups are not built yet';

function defineSwitch(section: Section, why: string, notYet: string) {
  return defineKey({ section, why, default: 'false', range: 'false', schema: flag, status: { notYet, as: 'switch' } });
}

export const recoveryKeys = {
  RECOVERY_ENABLED: defineSwitch('recovery', 'Failed parts are found and healed without a person.', recovery),
  ALERT_WEBHOOK_URL: defineKey({
    section: 'recovery',
    why: 'Who is told when something needs a person.',
    absent: 'nobody',
    example: 'https://alerts.example.com/hook',
    range: 'an http or https URL',
    schema: webhookUrl,
    secret: true,
    status: { notYet: 'alerts are not built yet', as: 'switch' },
  }),
  LB_VIP: defineKey({
    section: 'recovery',
    why: 'One address that moves between the load balancers.',
    absent: 'none, clients know every load balancer',
    example: '10.0.1.100',
    range: 'an IPv4 address or host name',
    schema: hostAddress,
    status: { notYet: 'a virtual address for the load balancers is not built yet', as: 'switch' },
  }),
};

export const backupKeys = {
  AUTO_BACKUP: defineSwitch('backup', 'Backups by schedule.', backup),
  BACKUP_SCHEDULE: defineKey({
    section: 'backup',
    why: 'When a backup is made.',
    absent: 'none',
    example: '0 2 * * *',
    range: 'a cron expression of five fields, in quotes',
    schema: cron,
    status: { notYet: backup, as: 'companion' },
  }),
  BACKUP_REPOSITORY: defineKey({
    section: 'backup',
    why: 'Where backups go; a folder on this machine is lost with it.',
    absent: 'none',
    example: 'sftp:backup@backup.example.com:/srv/kraken',
    range: '/folder, sftp:user@host:/folder or s3:https://host/bucket/folder',
    schema: backupRepository,
    status: { notYet: backup, as: 'companion' },
  }),
};
