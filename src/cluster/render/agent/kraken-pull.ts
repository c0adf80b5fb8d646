export const krakenPullScript = '#!/bin/sh\nexit 1\n';
