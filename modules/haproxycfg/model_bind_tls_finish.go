// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// tlsListener is the TLS of a bind line.
type tlsListener struct {
	certificates []*certificate // in HAProxy's order
	strictSNI    bool
}

// tlsHandshake are the settings of a handshake, in Caddy's words.
type tlsHandshake struct {
	alpn              []string
	oldest, newest    string // versions; empty: Caddy's limits, which are HAProxy's
	ciphers, curves   []string
	clientCAs         []string // files; nil: no certificate is asked for
	systemCAs         bool
	clientMayHaveNone bool // verify optional
}

// listenTLS makes the TLS of a bind line from its options.
func (t *translation) listenTLS(s statement, b *bindTLS) {
	object := fmt.Sprintf("'bind %s' : ", s.args[0])
	h, ok := t.handshake(object, b, &t.bindTLS)
	if !ok {
		return
	}
	l := &tlsListener{strictSNI: b.strictSNI || t.bindTLS.strictSNI}
	b.noTickets = b.noTickets || t.bindTLS.noTickets
	for _, w := range b.files {
		made, err := t.loadCertificates(w, b, h)
		if err != nil {
			t.errorf(w.Pos, "%s'%s' : %v", object, w.keyword, err)
			return
		}
		if w.keyword == "default-crt" {
			for _, c := range made {
				c.isDefault = true
			}
		}
		l.certificates = append(l.certificates, made...)
	}
	if len(l.certificates) == 0 {
		t.errorf(s.Pos, "%sno SSL certificate specified (use 'crt')", object)
		return
	}
	b.listener = l
}

// handshake returns the settings of a handshake: those of a line, or else the general ones.
func (t *translation) handshake(object string, b, general *bindTLS) (*tlsHandshake, bool) {
	settings := b.tlsSettings.withDefaults(&general.tlsSettings)
	h, before := new(tlsHandshake), len(t.problems)
	for _, w := range b.refused {
		t.errorf(w.Pos, "%s%v is not available: %s", object, w, w.note)
	}
	for _, w := range b.given {
		if o := bindOptions[w.keyword]; o.grade == ignored {
			t.notice(w.Pos, ignored, o.note, "bind ... "+w.keyword)
		}
	}
	for _, err := range []error{
		t.listenVersions(h, settings, slices.Concat(b.given, general.given)), t.listenCiphers(h, settings), t.listenCurves(h, settings),
		t.listenVerify(h, b, general),
	} {
		if err != nil {
			t.errorf(b.given[0].Pos, "%s%v", object, err)
		}
	}
	t.warnSuites(settings.ciphersuites)
	h.alpn = t.listenALPN(b, general)
	return h, !t.failedAfter(before)
}

// listenVersions sets the oldest and the newest version. As in HAProxy, the oldest is 1.2 by
// default.
func (t *translation) listenVersions(h *tlsHandshake, s *tlsSettings, given []serverWord) error {
	v := s.versions
	oldest, newest := 0, 0
	for i := max(v.min, usualTLS); i <= newestTLS && (v.max == 0 || i <= v.max); i++ {
		if v.min != 0 || v.max != 0 || !v.off[i] {
			if oldest == 0 {
				oldest = i
			}
			newest = i
		}
	}
	if oldest == 0 {
		return errors.New("no version of TLS is left: expected TLSv1.2 or TLSv1.3, older ones are not available")
	}
	if i := slices.IndexFunc(given, func(w serverWord) bool { return w.keyword == "ssl-min-ver" }); i >= 0 && v.min != 0 && v.min < usualTLS {
		t.notice(given[i].Pos, differs, "clients of a version before TLSv1.2 are refused", given[i].keyword)
	}
	if oldest != usualTLS {
		h.oldest = "tls" + ourVersions[oldest]
	}
	if newest != newestTLS {
		h.newest = "tls" + ourVersions[newest]
	}
	return nil
}

func (t *translation) listenCiphers(h *tlsHandshake, s *tlsSettings) error {
	w := s.ciphers
	if w.keyword == "" {
		return nil
	}
	list, _ := memoize(t.ciphers, w.value, func() (cipherList, error) { return parseCiphers(w.value), nil })
	lost := slices.Clone(list.dropped)
	for _, name := range list.ours {
		if slices.ContainsFunc(tls.CipherSuites(), func(c *tls.CipherSuite) bool { return c.Name == name }) {
			h.ciphers = append(h.ciphers, name)
		} else {
			lost = append(lost, name)
		}
	}
	if len(h.ciphers) == 0 {
		return fmt.Errorf("%v: Caddy's TLS has none of these cipher suites: expected one that is available, such as ECDHE-RSA-AES128-GCM-SHA256", w)
	}
	t.warnLeftOut(w, lost)
	return nil
}

// warnSuites warns of cipher suites of TLS 1.3 that cannot be turned off.
func (t *translation) warnSuites(w serverWord) {
	if w.keyword == "" || t.warnedTLS[w] {
		return
	}
	var more []string
	for _, c := range tls.CipherSuites() {
		if slices.Contains(c.SupportedVersions, tls.VersionTLS13) && !slices.Contains(strings.Split(w.value, ":"), c.Name) {
			more = append(more, c.Name)
		}
	}
	if t.warnedTLS[w] = true; len(more) > 0 {
		t.notice(w.Pos, differs, strings.Join(more, " and ")+" cannot be turned off", w.keyword)
	}
}

func (t *translation) listenCurves(h *tlsHandshake, s *tlsSettings) error {
	if s.curves.keyword == "" {
		return nil
	}
	curves, lost, err := readCurves(s.curves)
	if err != nil {
		return err
	}
	h.curves = curves
	t.warnLeftOut(s.curves, lost)
	return nil
}

// warnLeftOut warns of algorithms that a listener does not have.
func (t *translation) warnLeftOut(w serverWord, lost []string) {
	if len(lost) > 0 && !t.warnedTLS[w] {
		t.warnedTLS[w] = true
		t.notice(w.Pos, differs, "Caddy's TLS does not have "+shortened(lost), w.keyword)
	}
}

// listenALPN returns the protocols. From 2.8 on, HAProxy's default in mode http is HTTP/2.
func (t *translation) listenALPN(b, general *bindTLS) []string {
	for _, of := range []*bindTLS{b, general} {
		if of.noALPN {
			return []string{}
		}
		if of.alpn.keyword != "" {
			ours := slices.DeleteFunc(strings.Split(of.alpn.value, ","), func(p string) bool { return p != "h2" && p != "http/1.1" && p != "http/1.0" })
			if len(ours) < len(strings.Split(of.alpn.value, ",")) {
				t.notice(of.alpn.Pos, differs, "protocols other than h2 and http/1.1 are left out", "bind ... alpn")
			}
			return ours
		}
	}
	if t.branchBefore(2, 8) {
		return []string{}
	}
	return []string{"h2", "http/1.1"}
}

// branchBefore reports whether the file is for a version of HAProxy before this one.
func (t *translation) branchBefore(major, minor int) bool {
	var a, b int
	n, err := fmt.Sscanf(t.branch, "%d.%d", &a, &b)
	return err == nil && n == 2 && (a < major || a == major && b < minor)
}

// listenVerify sets the authorities of clients' certificates.
func (t *translation) listenVerify(h *tlsHandshake, b, general *bindTLS) error {
	verify, ca := b.verify, b.ca
	if verify.keyword == "" {
		verify = general.verify
	}
	if ca.keyword == "" {
		ca = general.ca
	}
	switch verify.value {
	case "", "none":
		return nil
	case "optional", "required":
	default:
		return fmt.Errorf("'verify' : unknown verify method '%s', only 'none', 'optional', and 'required' are supported", verify.value)
	}
	if ca.keyword == "" {
		return errors.New("verify is enabled but no CA file specified: expected 'ca-file'")
	}
	h.clientMayHaveNone = verify.value == "optional"
	if ca.value == systemCA {
		h.systemCAs = true
		return nil
	}
	if err := t.validateCA(ca.value); err != nil {
		return err
	}
	name, _ := t.fileBelow(t.caBase, ca.value) // validateCA has found it
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return fmt.Errorf("'ca-file' : %s is a directory: expected a file", name)
	}
	h.clientCAs = []string{name}
	return nil
}
