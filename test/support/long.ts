/**
 * Rows that take minutes of a lab: with KRAKENCTL_TEST_LONG=1, for the evidence (`scripts/e2e-evidence.sh`). Each says what shows the same without them.
 */
export const isLong = process.env.KRAKENCTL_TEST_LONG === '1';
