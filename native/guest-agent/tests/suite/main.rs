//! The agent as the host sees it: started as a process that listens on TCP, spoken to in frames.
//! Runs as root on a developer's machine; the agent then leaves clock, name and connections of the machine alone.

mod exec;
mod files;
mod flow_control;
mod follow;
mod golden;
mod host;
mod limits;
mod login;
mod parser_property;
mod pty;
mod quiesce;
mod tcp;
mod watch;
