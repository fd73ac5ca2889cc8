# shellcheck shell=sh
# Enabled, unless an administrator has disabled it; started, and restarted by an upgrade: that drains.
case "$1" in
  configure | abort-upgrade | abort-deconfigure | abort-remove)
    deb-systemd-helper unmask @PACKAGE@.service >/dev/null || true
    if deb-systemd-helper --quiet was-enabled @PACKAGE@.service; then
      deb-systemd-helper enable @PACKAGE@.service >/dev/null || true
    else
      deb-systemd-helper update-state @PACKAGE@.service >/dev/null || true
    fi
    if [ -d /run/systemd/system ]; then
      systemctl --system daemon-reload >/dev/null || true
      if [ -n "$2" ]; then
        deb-systemd-invoke restart @PACKAGE@.service >/dev/null || true
      else
        deb-systemd-invoke start @PACKAGE@.service >/dev/null || true
      fi
    fi
    ;;
esac
