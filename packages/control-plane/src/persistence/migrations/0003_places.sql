-- Where a control plane runs: the one that is started in a dead one's place need not wait for its silence to be long enough.
alter table control_planes add column place text;
