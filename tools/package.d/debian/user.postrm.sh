# shellcheck shell=sh
if [ "$1" = purge ]; then
  rm -rf /var/lib/msgproc
fi
