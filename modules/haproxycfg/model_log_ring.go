// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
	"github.com/caddy-passthrough/caddy-passthrough/modules/syslog"
)

// ring is a ring section: a buffer of messages for servers.
type ring struct {
	format  string
	length  int // maxlen; 0: not given
	size    int64
	servers []ringServer
}

type ringServer struct {
	address, framing string
}

const (
	noteRing       = "its messages are not kept for 'show events'"
	noteLogProfile = "lines have the frontend's format"
	noteRingTLS    = "lines cannot be sent by TLS: nothing is sent there"
)

// ringWords are the keywords of a ring section.
var ringWords = []string{"description", "format", "maxlen", "size", "timeout", "server", "default-server", "backing-file"}

// readRing reads a ring section.
func (t *translation) readRing(s haproxyfile.Section) {
	name := s.Args[0]
	if t.rings[name] != nil {
		t.errorf(s.Pos, "ring '%s' has the same name as another one: expected a name of its own", name)
		return
	}
	r := new(ring)
	t.rings[name] = r
	for _, l := range s.Lines {
		if err := t.readRingLine(r, l); err != nil {
			t.errorf(l.Pos, "%v", err)
		}
	}
	if len(r.servers) == 0 {
		t.notice(s.Pos, ignored, noteRing, "ring "+name)
	}
}

func (t *translation) readRingLine(r *ring, l haproxyfile.Line) error {
	word, args := l.Words[0], l.Words[1:]
	if !slices.Contains(ringWords, word) {
		return fmt.Errorf("unknown statement '%s' in 'ring' section%s", word, didYouMean(word, ringWords))
	}
	if len(args) == 0 {
		return fmt.Errorf("'%s' expects an argument", word)
	}
	switch word {
	case "format":
		r.format = args[0]
		return logFormat(args[0])
	case "maxlen":
		return parseNumber(&r.length, word, args[0])
	case "size":
		n, err := haproxyfile.ParseSize(args[0])
		r.size = n
		return err
	case "server":
		return t.readRingServer(r, l)
	}
	return nil
}

func parseNumber(to *int, word, text string) error {
	n, err := haproxyfile.ParseUint(text, 1, 1<<31-1)
	if err != nil {
		return fmt.Errorf("'%s' expects a number, not '%s'", word, text)
	}
	*to = int(n)
	return nil
}

// readRingServer reads "server NAME ADDRESS [log-proto legacy|octet-count] ...". Health checks and
// the like do not apply: the connection is made again whenever it breaks.
func (t *translation) readRingServer(r *ring, l haproxyfile.Line) error {
	if len(l.Words) < 3 {
		return errors.New("'server' expects <name> and <addr>[:<port>] as arguments")
	}
	a, err := haproxyfile.ParseAddress(l.Words[2], haproxyfile.AddressOptions{Getenv: t.getenv})
	if err != nil {
		return fmt.Errorf("'server %s' : %w", l.Words[1], err)
	}
	to := ringServer{}
	if to.address, err = logAddress(l.Words[2], a); err != nil {
		return fmt.Errorf("'server %s' : %w", l.Words[1], err)
	}
	options := l.Words[3:]
	if slices.Contains(options, "ssl") {
		t.notice(l.Pos, differs, noteRingTLS, "ssl")
		return nil
	}
	if i := slices.Index(options, "log-proto"); i >= 0 {
		to.framing = strings.Join(options[i+1:min(i+2, len(options))], "")
		if _, err := syslog.ParseFraming(to.framing); err != nil {
			return fmt.Errorf("'server %s' : 'log-proto' expects 'legacy' or 'octet-count', not '%s'", l.Words[1], to.framing)
		}
	}
	r.servers = append(r.servers, to)
	return nil
}
