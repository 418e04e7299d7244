// SPDX-License-Identifier: Apache-2.0

package dnsclient

import (
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/caddy-passthrough/caddy-passthrough/modules/resolve"
)

// answer holds the records that a question leads to.
type answer struct {
	addresses []netip.Addr
	services  []resolve.Service
	ttl       time.Duration // at least a second
}

// isAnswerTo reports whether a message answers the question.
func isAnswerTo(m, question *dns.Msg) bool {
	return m.Response && m.Id == question.Id && m.Opcode == dns.OpcodeQuery && len(m.Question) == 1 &&
		m.Question[0].Qtype == question.Question[0].Qtype && m.Question[0].Qclass == question.Question[0].Qclass &&
		strings.EqualFold(m.Question[0].Name, question.Question[0].Name)
}

// read returns the records that the question of m leads to, through CNAME records.
func read(m *dns.Msg) (a answer, err error) {
	if m.Rcode != dns.RcodeSuccess {
		return a, codeError(m.Rcode)
	}
	name, ttl := follow(m.Answer, m.Question[0].Name)
	kind := m.Question[0].Qtype
	for _, r := range m.Answer {
		h := r.Header()
		if h.Rrtype != kind || h.Class != dns.ClassINET || !strings.EqualFold(h.Name, name) || len(a.addresses)+len(a.services) == maxRecords {
			continue
		}
		if a.add(r, m.Extra) {
			ttl = min(ttl, h.Ttl)
		}
	}
	if len(a.addresses)+len(a.services) == 0 {
		return a, codeError(dns.RcodeSuccess)
	}
	a.ttl = time.Duration(max(1, ttl)) * time.Second
	return a, nil
}

// follow follows the CNAME records of a name to the last one, and returns their least TTL. A loop
// ends somewhere.
func follow(records []dns.RR, name string) (last string, ttl uint32) {
	ttl = 1<<31 - 1 // RFC 2181, section 8
	for range maxChain {
		next := cnameOf(records, name)
		if next == nil {
			break
		}
		name, ttl = next.Target, min(ttl, next.Hdr.Ttl)
	}
	return name, ttl
}

func cnameOf(records []dns.RR, name string) *dns.CNAME {
	for _, r := range records {
		if c, ok := r.(*dns.CNAME); ok && c.Hdr.Class == dns.ClassINET && strings.EqualFold(c.Hdr.Name, name) {
			return c
		}
	}
	return nil
}

// add adds the content of a record. It reports whether there was something to add.
func (a *answer) add(r dns.RR, extra []dns.RR) bool {
	if s, ok := r.(*dns.SRV); ok {
		host := strings.TrimSuffix(s.Target, ".")
		if !isHost(host) || s.Port == 0 {
			return false // ".": there is no such service (RFC 2782)
		}
		a.services = append(a.services, resolve.Service{
			Host: strings.ToLower(host), Port: s.Port, Priority: s.Priority, Weight: s.Weight, Addresses: addressesOf(extra, s.Target),
		})
		return true
	}
	ip := addressOf(r)
	if ip.IsValid() {
		a.addresses = append(a.addresses, ip)
	}
	return ip.IsValid()
}

// addressOf returns the address of a record; the zero value if it has none.
func addressOf(r dns.RR) (ip netip.Addr) {
	switch r := r.(type) {
	case *dns.A:
		ip, _ = netip.AddrFromSlice(r.A.To4())
	case *dns.AAAA:
		ip, _ = netip.AddrFromSlice(r.AAAA.To16())
	}
	return ip
}

// maxExtra is the maximum number of addresses of one host that an answer brings along.
const maxExtra = 16

// addressesOf returns the addresses of the target of an SRV record.
func addressesOf(extra []dns.RR, name string) (all []netip.Addr) {
	for _, r := range extra[:min(len(extra), maxRecords)] {
		if !strings.EqualFold(r.Header().Name, name) || r.Header().Class != dns.ClassINET {
			continue
		}
		if ip := addressOf(r); ip.IsValid() && len(all) < maxExtra {
			all = append(all, ip)
		}
	}
	return all
}

// isHost reports whether a name can be that of a host. The DNS allows any bytes.
func isHost(name string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	return name != "" && strings.Trim(name, allowed) == ""
}
