// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/dnsclient/dnstest"
)

// dnsPort is the variable of haproxy.cfg for the port of the DNS server.
const dnsPort = "dns"

// dnsReply is an answer of the DNS server for a name, from some time on.
type dnsReply struct {
	name  string
	reply dnstest.Reply
}

// dnsCodes are words for answers without records.
var dnsCodes = map[string]dnstest.Reply{
	"nx":       {Code: dns.RcodeNameError},
	"refused":  {Code: dns.RcodeRefused},
	"servfail": {Code: dns.RcodeServerFailure},
	"silent":   {Silent: true},
	"empty":    {},
}

// parseReply parses NAME nx|refused|servfail|silent|empty, or NAME [truncated] TYPE DATA[, TYPE
// DATA]... A port in the data has the name that it has in haproxy.cfg.
func parseReply(w *words) (dnsReply, error) {
	r := dnsReply{name: w.next()}
	r.reply.Truncate = w.take("truncated")
	text := strings.Join(w.rest, " ")
	w.rest = nil
	if code, ok := dnsCodes[text]; ok {
		r.reply = code
		return r, nil
	}
	for record := range strings.SplitSeq(text, ",") {
		line := r.name + ". 1 IN " + strings.TrimSpace(record)
		if len(strings.Fields(record)) > 3 && !strings.Contains(record, " SRV ") && !strings.HasPrefix(strings.TrimSpace(record), "SRV") {
			line = strings.TrimSpace(record) // with an owner of its own
		}
		if _, err := dns.NewRR(line); err != nil {
			return r, fmt.Errorf("%s: %w", line, err)
		}
		r.reply.Records = append(r.reply.Records, line)
	}
	return r, nil
}

// addReply adds a line of the part dns.
func (s *scenario) addReply(l scriptLine) error {
	r, err := parseReply(&l.words)
	s.dns = append(s.dns, r)
	return err
}

// parseDNS parses dns NAME ..., a change of the DNS.
func parseDNS(_ testing.TB, _ *scenario, w *words) (action, error) {
	change, err := parseReply(w)
	return func(r *run) outcome {
		r.dns.Set(change.name, change.reply)
		return outcome{at: timeless}
	}, err
}

// startDNS starts the DNS server, if haproxy.cfg has its port.
func (r *run) startDNS(s *scenario) error {
	var err error
	for range 100 { // the port must be free for TCP, too
		var address string
		if address, err = programs.FreeAddress(); err != nil {
			return err
		}
		if r.dns, err = dnstest.Open(address); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	r.ports[dnsPort] = port(r.dns.Address)
	for _, said := range s.dns {
		r.dns.Set(said.name, said.reply)
	}
	return nil
}
