// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// record is the log line of a connection. The zero value stands for a missing line.
type record struct {
	client    netip.AddrPort // as a PROXY header says, if there is one
	peer      netip.AddrPort // of the socket
	frontend  string
	backend   string // the frontend's name if there is no backend
	server    string // "<NOSRV>" if there is no server
	connected bool
	duration  time.Duration
	in, out   int64  // bytes from the client, and to it
	letters   string // how it ended
	retries   string // with a + before it if another server was tried
	queues    string // positions in the queues of the server and of the backend
	counts    string // connections of the process, the frontend, the backend and the server
}

// String returns the format that log expects: FRONTEND BACKEND/SERVER LETTERS [RETRIES].
func (r record) String() string {
	if !r.client.IsValid() {
		return "none"
	}
	text := fmt.Sprintf("%s %s/%s %s", r.frontend, r.backend, r.server, r.letters)
	if r.retries != "0" {
		text += " " + r.retries
	}
	return text
}

// figures returns the other fields, for display.
func (r record) figures() string {
	if !r.client.IsValid() {
		return ""
	}
	connected := ""
	if !r.connected {
		connected = ", not connected"
	}
	queues := ""
	if r.queues != "0/0" {
		queues = ", queues " + r.queues
	}
	return fmt.Sprintf("%d ms, %d/%d bytes%s%s", r.duration.Milliseconds(), r.in, r.out, queues, connected)
}

// rigData matches the structured data of scenarios/defaults.cfg.
var rigData = regexp.MustCompile(`^\[rig@0 end="(\S+):(\d+) (\S+) (\S+)/(\S+) (-?\d+)/(\d+) (\d+)/(\d+) (\S\S) (\+?\d+) (\d+/\d+) (\d+/\d+/\d+/\d+) (\S+):(\d+)"\]$`)

// parseRigData returns what the structured data of a line says.
func parseRigData(data string) (record, bool) {
	m := rigData.FindStringSubmatch(data)
	if m == nil {
		return record{}, false
	}
	number := func(text string) int64 {
		n, _ := strconv.ParseInt(text, 10, 64) // they are digits
		return n
	}
	return record{
		client: addressOf(m[1], m[2]), frontend: m[3], backend: m[4], server: m[5],
		connected: number(m[6]) >= 0, duration: time.Duration(number(m[7])) * time.Millisecond,
		in: number(m[8]), out: number(m[9]), letters: m[10], retries: m[11], queues: m[12], counts: m[13],
		peer: addressOf(m[14], m[15]),
	}, true
}

// addressOf parses an address, without the form that IPv4 addresses have on an IPv6 socket.
func addressOf(host, port string) netip.AddrPort {
	a, _ := netip.ParseAddr(strings.Trim(host, "[]")) // written by the programs
	n, _ := strconv.ParseUint(port, 10, 16)
	return netip.AddrPortFrom(a.Unmap(), uint16(n))
}

// claimed returns the client's address if it is another than the socket's.
func (r record) claimed() netip.AddrPort {
	if r.client == r.peer {
		return netip.AddrPort{}
	}
	return r.client
}

// differs returns the fields that differ between the lines of one connection in both programs, and
// whether only times do.
func (r record) differs(o record) (what string, onlyTime bool) {
	var found []string
	if r.String() != o.String() {
		found = append(found, "what it says")
	}
	if claimed, other := r.claimed(), o.claimed(); claimed != other {
		found = append(found, fmt.Sprintf("the client's address (%v, %v)", claimed, other))
	}
	if r.connected != o.connected {
		found = append(found, "whether it was connected")
	}
	if r.queues != o.queues {
		found = append(found, "the queues")
	}
	if r.letters == "--" && (r.in != o.in || r.out != o.out) {
		found = append(found, "the bytes")
	}
	if d := (r.duration - o.duration).Abs(); len(found) == 0 && d > 2*slack {
		return "the duration", true
	}
	return strings.Join(found, ", "), false
}
