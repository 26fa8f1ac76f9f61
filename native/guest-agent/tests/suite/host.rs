//! A host for tests: an agent of its own in a temporary folder, and a small client.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use pandastack_guest_agent::protocol::frame::encode;
use pandastack_guest_agent::protocol::{Frame, FrameType, Parser};
use serde_json::{json, Value};

pub const TOKEN: &str = "a token of this test";
const PATIENCE: Duration = Duration::from_secs(10);

/// An agent and a folder, both gone when this is dropped.
pub struct Guest {
    agent: Child,
    pub address: String,
    pub folder: PathBuf,
}

impl Guest {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    pub fn start_with(options: &[&str]) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("pandastack-guest-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let token_file = folder.join("token");
        fs::write(&token_file, format!("{TOKEN}\n")).unwrap();
        let mut agent = Command::new(env!("CARGO_BIN_EXE_pandastack-guest-agent"))
            .args(["--listen", "tcp:127.0.0.1:0", "--token-file", token_file.to_str().unwrap()])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(agent.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening ").unwrap().to_owned();
        Self { agent, address, folder }
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    pub fn connect(&self) -> Host {
        let mut host = self.connect_silently();
        host.hello(json!({}));
        host
    }

    pub fn connect_silently(&self) -> Host {
        let socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Host { socket, parser: Parser::default(), waiting: VecDeque::new(), last_stream: 0 }
    }

    pub fn pid(&self) -> u32 {
        self.agent.id()
    }

    pub fn is_alive(&mut self) -> bool {
        self.agent.try_wait().unwrap().is_none()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub struct Host {
    pub socket: TcpStream,
    parser: Parser,
    waiting: VecDeque<Frame>,
    last_stream: u32,
}

/// Everything that a stream brought until its RESULT.
#[derive(Debug, Default)]
pub struct Outcome {
    pub result: Value,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub events: Vec<Value>,
}

impl Outcome {
    pub fn ok(&self) -> &Value {
        assert!(self.result["ok"].is_object(), "{self:?}");
        &self.result["ok"]
    }

    pub fn code(&self) -> &str {
        self.result["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {self:?}"))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

impl Host {
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    pub fn send(&mut self, kind: FrameType, channel: u8, stream: u32, payload: &[u8]) {
        let mut bytes = Vec::new();
        encode(&mut bytes, kind, channel, stream, payload);
        self.send_raw(&bytes);
    }

    pub fn hello(&mut self, more: Value) -> Value {
        let mut hello = json!({"nonce": "00112233445566778899aabbccddeeff", "version": 1, "token": TOKEN});
        hello.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.send(FrameType::Hello, 0, 0, hello.to_string().as_bytes());
        loop {
            let frame = self.next();
            if frame.kind == FrameType::HelloOk {
                return serde_json::from_slice(&frame.payload).unwrap();
            }
        }
    }

    /// The next frame; `None` at the end of the connection.
    pub fn try_next(&mut self) -> Option<Frame> {
        let mut buffer = vec![0; 65_536];
        loop {
            if let Some(frame) = self.waiting.pop_front() {
                return Some(frame);
            }
            let count = match self.socket.read(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
                Err(error) => panic!("the agent says nothing: {error}"),
            };
            if count == 0 {
                return None;
            }
            self.parser.feed(&buffer[..count]);
            while let Some(frame) = self.parser.next() {
                self.waiting.push_back(frame);
            }
        }
    }

    pub fn next(&mut self) -> Frame {
        self.try_next().expect("the agent closed the connection")
    }

    /// True when nothing comes for that long.
    pub fn is_quiet(&mut self, time: Duration) -> bool {
        if !self.waiting.is_empty() {
            return false;
        }
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut buffer = [0; 65_536];
        let quiet = match self.socket.read(&mut buffer) {
            Err(_) => true,
            Ok(count) => {
                self.parser.feed(&buffer[..count]);
                while let Some(frame) = self.parser.next() {
                    self.waiting.push_back(frame);
                }
                false
            }
        };
        self.socket.set_read_timeout(Some(PATIENCE)).unwrap();
        quiet
    }

    pub fn open(&mut self, op: &str, args: Value) -> u32 {
        self.last_stream += 1;
        let request = json!({"op": op, "args": args}).to_string();
        self.send(FrameType::Open, 0, self.last_stream, request.as_bytes());
        self.last_stream
    }

    /// The next frame of `stream`; those of others wait for their turn.
    pub fn next_of(&mut self, stream: u32) -> Frame {
        let mut others = VecDeque::new();
        let frame = loop {
            let frame = self.next();
            if frame.stream == stream {
                break frame;
            }
            others.push_back(frame);
        };
        others.append(&mut self.waiting);
        self.waiting = others;
        frame
    }

    pub fn next_event(&mut self, stream: u32) -> Value {
        let frame = self.next_of(stream);
        assert_eq!(frame.kind, FrameType::Event, "{frame:?}");
        serde_json::from_slice(&frame.payload).unwrap()
    }

    /// Follows a stream to its RESULT, granting credit for what comes.
    pub fn finish(&mut self, stream: u32) -> Outcome {
        let mut outcome = Outcome::default();
        loop {
            let frame = self.next_of(stream);
            match frame.kind {
                FrameType::Data => {
                    let length = frame.payload.len() as u32;
                    self.send(FrameType::Credit, frame.channel, stream, &length.to_le_bytes());
                    let sink = if frame.channel == 2 { &mut outcome.stderr } else { &mut outcome.stdout };
                    sink.extend(frame.payload);
                }
                FrameType::Event => outcome.events.push(serde_json::from_slice(&frame.payload).unwrap()),
                FrameType::Result => {
                    outcome.result = serde_json::from_slice(&frame.payload).unwrap();
                    return outcome;
                }
                _ => {}
            }
        }
    }

    pub fn call(&mut self, op: &str, args: Value) -> Outcome {
        let stream = self.open(op, args);
        self.finish(stream)
    }

    pub fn shell(&mut self, command: &str) -> Outcome {
        self.call("exec", json!({"shell": command}))
    }

    /// `fs.write` with that content, within the window.
    pub fn write_file(&mut self, args: Value, content: &[u8]) -> Outcome {
        let stream = self.open("fs.write", args);
        let mut window = 262_144;
        for chunk in content.chunks(65_536) {
            while window < chunk.len() {
                let frame = self.next_of(stream);
                if frame.kind == FrameType::Result {
                    return Outcome { result: serde_json::from_slice(&frame.payload).unwrap(), ..Outcome::default() };
                }
                assert_eq!((frame.kind, frame.channel), (FrameType::Credit, 0));
                window += u32::from_le_bytes(frame.payload.try_into().unwrap()) as usize;
            }
            self.send(FrameType::Data, 0, stream, chunk);
            window -= chunk.len();
        }
        self.send(FrameType::End, 0, stream, &[]);
        self.finish(stream)
    }

    pub fn cancel(&mut self, stream: u32, kill: bool) {
        self.send(FrameType::Cancel, 0, stream, json!({"kill": kill}).to_string().as_bytes());
    }
}

/// Waits until `condition` holds.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub fn is_process(pid: i64) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}
