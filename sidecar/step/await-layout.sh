# Keeps the kubelet from starting the executor containers until the supervisor has laid out what they mount and run.
# Run as: sh await-layout STEPS_FOLDER, as the supervisor's postStart hook: the kubelet starts containers one after the
# other, and the next one only when the hook of the one before has ended.

bin=${0%/*}
# 12,000 times 5 ms is a minute; laying out takes some 10 ms. Its own sleep: the image has no other.
turns=12000
while [[ ! -e $1/laid-out ]]; do
  if ((turns-- == 0)); then
    print -u2 "Volumes are not laid out after 60 s"
    exit 1
  fi
  "$bin/busybox" usleep 5000
done
