// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"bytes"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// journal is the log and the output of a program so far. It is safe for concurrent use.
type journal struct {
	mu      sync.Mutex
	records []record
	lines   []logLine
	notes   []string // about servers
	out     bytes.Buffer
}

// logLine is a message of the log.
type logLine struct {
	peer netip.AddrPort // whose connection it is about, if it has the rig's data
	text string
}

// syslogMessage matches the messages that defaults.cfg asks for: priority, date, host, tag,
// process, structured data and text.
var syslogMessage = regexp.MustCompile(`(?s)^<(\d+)>1 (\S+) (\S+) (\S+) (\d+) - (-|\[.*?"\]) (.*)\n$`)

// listen receives the log until conn is closed.
func (j *journal) listen(conn net.PacketConn) {
	for buf := make([]byte, 64<<10); ; {
		n, _, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		m := syslogMessage.FindStringSubmatch(string(buf[:n]))
		if m == nil {
			continue
		}
		r, known := parseRigData(m[6])
		line := logLine{text: m[7]}
		if known && !earlyError.MatchString(m[7]) {
			line.peer = r.peer
			j.add(r)
		}
		j.mu.Lock()
		j.lines = append(j.lines, line)
		j.note(m[1], m[7])
		j.mu.Unlock()
	}
}

// earlyError matches lines about connections that end before they are sessions. Newer versions of
// HAProxy add structured data to them.
var earlyError = regexp.MustCompile(`^\S+ \[\S+\] \S+: `)

// Write adds output of the program.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.Write(p)
}

func (j *journal) add(r record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records = append(j.records, r)
}

// find returns the line of the connection that comes from an address, once it is there.
func (j *journal) find(peer netip.AddrPort) (record, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.IndexFunc(j.records, func(r record) bool { return r.peer == peer })
	if i < 0 {
		return record{}, false
	}
	return j.records[i], true
}

// linesOf returns the messages about the connection that comes from an address. Without the rig's
// data they have its port, or the client of its record.
func (j *journal) linesOf(peer netip.AddrPort) (found []string) {
	names := []string{":" + port(peer.String())}
	if r, ok := j.find(peer); ok {
		names = append(names, r.client.Addr().String()+":"+port(r.client.String()))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, l := range j.lines {
		if l.peer == peer || !l.peer.IsValid() && slices.ContainsFunc(names, func(name string) bool { return hasName(l.text, name) }) {
			found = append(found, l.text)
		}
	}
	return found
}

// hasName reports whether a text has a name that is not the beginning of a longer one.
func hasName(text, name string) bool {
	_, after, ok := strings.Cut(text, name)
	return ok && (after == "" || after[0] < '0' || after[0] > '9')
}

func (j *journal) printed() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.String()
}
