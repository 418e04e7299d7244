// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// The log goes to a pipe that is not read, and the kernel buffers a few hundred lines. Connections
// are served nevertheless, and the lines of all of them are written once the pipe is read: here,
// only after the process was asked to end.
func TestStalledLog(t *testing.T) {
	const clients = 400
	fifo := filepath.Join(t.TempDir(), "log")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	e := &ending{address: freeAddress(t), origin: listen(t, greetAndEcho), maxconn: clients}
	e.process = start(t, e.config("")+"\nlog sessions {\n output file "+fifo+" {\n roll_disabled\n }\n include layer4.handlers.passthrough\n}", "")
	for range clients {
		c := say(t, e.address, "")
		read(t, c, make([]byte, 2))
		c.Close()
	}
	e.signal(t, syscall.SIGTERM)

	times, last := 0, 0.0
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		var line struct {
			TS  float64
			Msg string
			End string

			ActConn int
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v in %s", err, lines.Bytes())
		}
		if line.Msg != "session" || line.End != "complete" {
			t.Errorf("logged %s", lines.Bytes())
		}
		if line.ActConn > clients/4 {
			t.Errorf("%d connections at the end of one, although clients connect one at a time", line.ActConn)
		}
		if line.TS < last {
			t.Errorf("line with time %f follows one with %f", line.TS, last)
		}
		times, last = times+1, line.TS
	}
	e.ends(t, 0)
	if err := lines.Err(); err != nil || times != clients {
		t.Errorf("%d lines of %d connections, %v\n%s", times, clients, err, e.log())
	}
}
