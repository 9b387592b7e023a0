#!/bin/busybox sh
# The whole user space of the test guest: it says on the serial console what happens to its disks.
#   MARTLET-READY                        user space runs, disks that are there have been met
#   MARTLET-ROOT <dev>                   the disk it was booted with
#   MARTLET-DISK <dev> <serial> <bytes>  a disk appeared
#   MARTLET-WROTE <serial> <sha256>      it was empty: the first MiB now holds a pattern, and is synced
#   MARTLET-READ <serial> <sha256>       the pattern was there already: this is its first MiB
#   MARTLET-FAILED <serial> <what>       reading or writing failed
#   MARTLET-UNPLUGGED <dev>              a disk went away
#   MARTLET-KNOCK answered|silent        whether port N of the host's loopback answers (kernel argument martlet.knock=N)
#   MARTLET-TICK <n>                     every second, with martlet.tick=1, after a synced write to each disk but the root disk
/bin/busybox mkdir -p /proc /sys /dev /run
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox --install -s /bin
export PATH=/bin
echo 1 >/proc/sys/kernel/printk
while read -r module; do insmod "/modules/$module"; done </modules/order
argument() { tr ' ' '\n' </proc/cmdline | sed -n "s/^martlet\.$1=//p"; }

port=$(argument knock)
if [ -n "$port" ]; then
  ip link set eth0 up
  ip addr add 10.0.2.15/24 dev eth0
  ip route add default via 10.0.2.2
  if timeout 10 nc -w 5 10.0.2.2 "$port" </dev/null | grep -q .; then echo MARTLET-KNOCK answered; else echo MARTLET-KNOCK silent; fi
fi

mib() { dd if="$1" bs=65536 count=16 2>/dev/null; }

# $1: device name. Runs once for each disk that appears.
meet() {
  # a node of our own: in /dev, a write that comes after the unplug would make a plain file
  number=$(cat "/sys/block/$1/dev" 2>/dev/null)
  [ -n "$number" ] || return
  device=/run/$1
  rm -f "$device"
  mknod "$device" b "${number%:*}" "${number#*:}"
  # each of these is empty if the disk is taken away meanwhile: arithmetic on nothing would end the shell, and with it the guest
  serial=$(cat "/sys/block/$1/serial" 2>/dev/null)
  sectors=$(cat "/sys/block/$1/size" 2>/dev/null)
  if ! dd if="$device" of=/run/first bs=512 count=1 2>/dev/null; then
    echo "MARTLET-FAILED $serial read"
    return
  fi
  first=$(tr -d '\0' </run/first | head -n 1)
  case "$first" in
    MARTLET-ROOT-DISK*) echo "MARTLET-ROOT $1"; return ;;
  esac
  data="$data $1"
  echo "MARTLET-DISK $1 $serial $((${sectors:-0} * 512))"
  case "$first" in
    MARTLET-PATTERN*) echo "MARTLET-READ $serial $(mib "$device" | sha256sum | cut -d ' ' -f 1)" ;;
    '')
      yes "MARTLET-PATTERN $(cat /proc/sys/kernel/random/uuid)" | head -c 1048576 >/run/pattern
      if dd if=/run/pattern of="$device" bs=65536 conv=fsync 2>/dev/null; then
        sync
        echo "MARTLET-WROTE $serial $(sha256sum </run/pattern | cut -d ' ' -f 1)"
      else
        echo "MARTLET-FAILED $serial write"
      fi ;;
    *) echo "MARTLET-FAILED $serial foreign-bytes" ;;
  esac
}

# $1: number. Beyond the pattern, so that it stays as it is.
tick() {
  for name in $data; do
    [ -e "/sys/block/$name" ] || continue
    echo "tick $1" | dd of="/run/$name" bs=512 seek=4096 conv=fsync 2>/dev/null || echo "MARTLET-FAILED $name tick"
  done
  echo "MARTLET-TICK $1"
}

known=''
data=''
ticks=0
while :; do
  present=''
  for path in /sys/block/vd?; do
    [ -e "$path" ] || continue
    name=${path##*/}
    case " $known " in
      *" $name "*) ;;
      *) meet "$name" ;;
    esac
    present="$present $name"
  done
  for name in $known; do
    case " $present " in *" $name "*) ;; *) echo "MARTLET-UNPLUGGED $name" ;; esac
  done
  known=$present
  [ $ticks = 0 ] && echo MARTLET-READY
  ticks=$((ticks + 1))
  [ "$(argument tick)" = 1 ] && [ $((ticks % 2)) = 0 ] && tick $ticks
  sleep 0.5
done
