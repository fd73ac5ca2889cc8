# shellcheck shell=sh
# A user that stays the same owns what it keeps in files. It outlives the package: a number that
# is given to somebody else would own what backups bring back.
if [ "$1" = configure ]; then
  adduser --system --group --quiet --home /var/lib/msgproc --no-create-home msgproc
  if [ ! -d /var/lib/msgproc ]; then
    install --directory --mode=0750 --owner=msgproc --group=msgproc /var/lib/msgproc
  fi
fi
