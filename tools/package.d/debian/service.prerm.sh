# shellcheck shell=sh
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
  deb-systemd-invoke stop @PACKAGE@.service >/dev/null || true
fi
