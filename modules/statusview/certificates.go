// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/texttable"
)

// Numbers of words in a cell, and in its title.
const (
	shownWords  = 3
	listedWords = 50
)

var certificateColumns = []Column{
	{Title: "Names", Words: true, Help: "host names and addresses that the certificate is valid for"},
	{Title: "Days left"},
	{Title: "State", Words: true},
	{Title: "Valid until", Words: true, Rank: 2},
	{Title: "Servers", Words: true},
	{Title: "Issuer", Words: true, Rank: 1},
	{Title: "Chain", Words: true, Help: "certificates that the server sent after its own, and the authority that they lead to", Rank: 4},
	{Title: "Key", Words: true, Rank: 3},
}

// certificatesView shows the certificates of servers that checks over TLS have seen: those for a
// name, and those of a backend, if the query has one.
func certificatesView(q Query, o *Options, now time.Time) ([]Panel, error) {
	t := Table{
		ID: "certificates", Caption: "Certificates of servers", Columns: slices.Clone(certificateColumns),
		Empty: "No certificate is known: health checks over TLS (check tls, or check-ssl in a haproxy.cfg) show those of their servers.",
	}
	var list []control.Certificate
	for _, c := range control.Certificates() {
		c.Servers = slices.DeleteFunc(c.Servers, func(s control.CertificateServer) bool {
			return !o.Shows(s.Backend) || q.Backend != "" && s.Backend != q.Backend
		})
		if len(c.Servers) > 0 && isFor(c.Certificate, q.Name) {
			list = append(list, c)
		}
	}
	t.arrange(q, len(list), func(i int) Row { return certificateRow(&list[i], now) })
	return append(conflictPanels(o), Panel{
		ID: "certificates-seen", Title: "Certificates of servers", Note: "As the last health check over TLS saw them; those that end first come first.",
		Form: certificateForm(q), Tables: []Table{t},
	}), nil
}

// isFor reports whether a certificate is valid for a name, or has names that contain the text.
func isFor(c *certificates.Certificate, text string) bool {
	text = strings.ToLower(text)
	_, parent, _ := strings.Cut(text, ".")
	return text == "" || strings.Contains(c.CommonName, text) ||
		slices.ContainsFunc(c.Names, func(name string) bool { return strings.Contains(name, text) || name == "*."+parent })
}

func certificateForm(q Query) *Form {
	return &Form{ID: "filter", Method: "get", Submit: "Filter", Fields: []Field{
		{Kind: "hidden", Name: "view", Value: "certificates"},
		{Kind: "text", Name: "name", Label: "Name", Value: q.Name, Placeholder: "www.example.com"},
		{Kind: "text", Name: "backend", Label: "Backend", Value: q.Backend},
	}}
}

// conflictPanels returns a panel about names of certificates that are routed elsewhere, if there
// are any.
func conflictPanels(o *Options) []Panel {
	p := Panel{ID: "conflicts", Title: "Names that lead elsewhere", Note: "Browsers send requests for all names of a certificate over one HTTP/2 connection, to the backend that it was opened for."}
	for _, k := range control.CertificateConflicts() {
		if o.Shows(k.Backend) || o.Shows(k.Frontend) {
			p.Messages = append(p.Messages, Message{Class: Warn, Text: conflictText(&k), Advice: certificates.ConflictAdvice, Href: BackendURL(k.Backend)})
		}
	}
	if len(p.Messages) == 0 {
		return nil
	}
	return []Panel{p}
}

func conflictText(k *control.CertificateConflict) string {
	return fmt.Sprintf("Frontend %s: the certificate of backend %s (%s) is valid for %s, too, which it routes to %s.", k.Frontend, k.Backend, k.Kept, texttable.Some(k.Names, ", ", k.MoreNames, shownWords), k.To())
}

func certificateRow(c *control.Certificate, now time.Time) Row {
	state, days := certificateState(c, now), Number(c.DaysLeft(now))
	days.Class = state.Class
	state.Class = Words + " " + state.Class
	return Row{Key: c.Fingerprint, Class: days.Class, Cells: []Cell{
		certificateNames(c.Certificate), days, state, Time(c.NotAfter), certificateServers(c.Servers),
		{Text: c.Issuer, Class: Words},
		certificateChain(&c.Servers[0]),
		{Text: c.Key, Class: Words, Title: "serial number " + c.Serial + ", SHA-256 " + c.Fingerprint},
	}}
}

// certificateNames returns the first names of a certificate, with more of them as title.
func certificateNames(c *certificates.Certificate) Cell {
	if len(c.Names) == 0 {
		return Cell{Text: cmp.Or(c.CommonName, c.Subject, "no name"), Class: Words + " " + Warn, Title: "It has no names that clients accept, only a subject: " + c.Subject}
	}
	return Cell{Text: texttable.Some(c.Names, ", ", c.MoreNames, shownWords), Class: Words, Title: texttable.Some(c.Names, ", ", c.MoreNames, listedWords)}
}

// certificateState says whether the certificate is valid, and whether a check rejects it.
func certificateState(c *control.Certificate, now time.Time) Cell {
	for _, s := range c.Servers {
		if s.Problem != "" {
			return Cell{Text: "rejected: " + s.Problem, Class: Bad, Title: "by the check of " + s.String()}
		}
	}
	switch c.ValidityAt(now) {
	case certificates.Ended:
		return Cell{Text: "ended", Class: Bad}
	case certificates.NotYetValid:
		return Cell{Text: "not yet valid", Class: Bad, Title: "valid from " + c.NotBefore.Format(time.DateOnly)}
	case certificates.Ending:
		return Cell{Text: "ends soon", Class: Warn}
	case certificates.Valid:
	}
	if seen := c.Servers[0].Verification; seen != certificates.Verified {
		return Cell{Text: "valid, " + verifications[seen], Class: Good, Title: "by the configuration of the check"}
	}
	return Cell{Text: "valid", Class: Good, Title: "chain, name and validity are verified"}
}

// verifications describe how much less than everything checks verified.
var verifications = map[certificates.Verification]string{
	certificates.VerifiedChain: "name not verified",
	certificates.Unverified:    "not verified",
}

// certificateServers returns the first servers that have a certificate, with more of them as title.
func certificateServers(servers []control.CertificateServer) Cell {
	all := make([]string, len(servers))
	for i, s := range servers {
		all[i] = s.String()
	}
	return Cell{Text: texttable.Some(all, ", ", 0, shownWords), Class: Words, Title: texttable.Some(all, ", ", 0, listedWords), Href: BackendURL(servers[0].Backend)}
}

// certificateChain returns the chain that a server sent, and its root if that was verified.
func certificateChain(s *control.CertificateServer) Cell {
	var links []string
	for _, c := range s.Chain[1:] {
		links = append(links, c.Subject)
	}
	if s.Root != "" && !slices.Contains(links, s.Root) {
		links = append(links, s.Root)
	}
	if len(links) == 0 {
		links = []string{"none sent"}
	}
	title := fmt.Sprintf("%s, certificates sent: %d", cmp.Or(s.Version, "TLS"), s.Sent)
	if s.ServerName != "" {
		title += ", for the name " + s.ServerName
	}
	if s.Trust != "" {
		title += ", authorities of " + s.Trust
	}
	return Cell{Text: strings.Join(links, " → "), Class: Words, Title: title}
}
