// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// record is the line in the log of a connection. The zero value stands for none.
type record struct {
	clientPort string
	frontend   string
	backend    string // the frontend's name where there is none
	server     string // "<NOSRV>" where there is none
	connected  bool
	duration   time.Duration
	in, out    int64  // bytes from the client, and to it
	letters    string // how it ended
	retries    string // with a + before it if another server was tried
}

// String is what log expects: FRONTEND BACKEND/SERVER LETTERS [RETRIES].
func (r record) String() string {
	if r.clientPort == "" {
		return "none"
	}
	text := fmt.Sprintf("%s %s/%s %s", r.frontend, r.backend, r.server, r.letters)
	if r.retries != "0" {
		text += " " + r.retries
	}
	return text
}

// figures are what there is besides, to be shown.
func (r record) figures() string {
	if r.clientPort == "" {
		return ""
	}
	connected := ""
	if !r.connected {
		connected = ", not connected"
	}
	return fmt.Sprintf("%d ms, %d/%d bytes%s", r.duration.Milliseconds(), r.in, r.out, connected)
}

// haproxyLine is the log-format of scenarios/defaults.cfg.
var haproxyLine = regexp.MustCompile(`: \S+:(\d+) (\S+) (\S+)/(\S+) (-?\d+)/(\d+) (\d+)/(\d+) (\S\S) (\+?\d+)`)

func parseHAProxyLine(line string) (record, bool) {
	m := haproxyLine.FindStringSubmatch(line)
	if m == nil {
		return record{}, false
	}
	number := func(text string) int64 {
		n, _ := strconv.ParseInt(text, 10, 64) // they are digits
		return n
	}
	return record{
		clientPort: m[1], frontend: m[2], backend: m[3], server: m[4],
		connected: number(m[5]) >= 0, duration: time.Duration(number(m[6])) * time.Millisecond,
		in: number(m[7]), out: number(m[8]), letters: m[9], retries: m[10],
	}, true
}

// caddyLine is a line of our log.
type caddyLine struct {
	Msg          string  `json:"msg"`
	Frontend     string  `json:"frontend"`
	Backend      string  `json:"backend"`
	Server       string  `json:"server"`
	Client       string  `json:"client"`
	Connect      float64 `json:"connect_time"`
	Duration     float64 `json:"duration"`
	In           int64   `json:"bytes_in"`
	Out          int64   `json:"bytes_out"`
	Retries      int     `json:"retries"`
	Redispatched bool    `json:"redispatched"`
	Termination  string  `json:"termination"`
}

// record is the line in HAProxy's words.
func (l caddyLine) record() record {
	r := record{
		clientPort: port(l.Client), frontend: l.Frontend, backend: l.Backend, server: l.Server,
		connected: l.Connect >= 0, duration: time.Duration(l.Duration * float64(time.Second)),
		in: l.In, out: l.Out, letters: l.Termination, retries: strconv.Itoa(l.Retries),
	}
	if r.backend == "" {
		r.backend = r.frontend
	}
	if r.server == "" {
		r.server = "<NOSRV>"
	}
	if l.Redispatched {
		r.retries = "+" + r.retries
	}
	return r
}

// differs says in what two lines of one connection, in both programs, are not
// alike: less the name of what differs, the times are.
func (r record) differs(o record) (what string, onlyTime bool) {
	var found []string
	if r.String() != o.String() {
		found = append(found, "what it says")
	}
	if r.connected != o.connected {
		found = append(found, "whether it was connected")
	}
	if r.letters == "--" && (r.in != o.in || r.out != o.out) {
		found = append(found, "the bytes")
	}
	if d := (r.duration - o.duration).Abs(); len(found) == 0 && d > 2*slack {
		return "the duration", true
	}
	return strings.Join(found, ", "), false
}
