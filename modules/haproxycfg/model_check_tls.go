// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// speaksTLS reports whether the server's health check speaks TLS.
func (t *translation) speaksTLS(p *proxy, n *server) bool {
	return n.check.tls || n.ssl || t.checkOf(p, n).speaksTLS()
}

// finishTLS turns a server's TLS options into the TLS settings of its health check, or warns that
// they have no effect.
func (t *translation) finishTLS(p *proxy, n *server) {
	if !t.speaksTLS(p, n) {
		t.warnUnusedTLS(n.tls.given, noteNotInChecks)
		return
	}
	s := &n.tls
	if n.check.tls || n.ssl { // HAProxy's defaults are only for such servers
		s = s.withDefaults(&t.tls)
		t.tlsUsed = true
	}
	oldest, newest, err := s.versions.offer(&n.checkTLS)
	if err != nil {
		t.errorf(n.Pos, "'server %s/%s' : %v: expected another 'ssl-min-ver', 'ssl-max-ver', 'force-...' or 'no-...'", p.name, n.Name, err)
		return
	}
	if slices.Contains(s.versions.off[oldest:newest+1], true) {
		t.warnf(n.Pos, "'server %s/%s' : its checks offer a version that 'no-tlsv1x' names, as in HAProxy: expected 'ssl-min-ver' and 'ssl-max-ver' alone", p.name, n.Name)
	}
	for _, w := range []serverWord{s.sigalgs, s.clientSigalgs, s.npn} {
		if w.keyword != "" {
			t.errorf(w.Pos, "'server %s/%s' : %v is not available for its checks over TLS", p.name, n.Name, w)
		}
	}
	t.offerRevocations(n, s)
	for _, err := range []error{
		t.offerCiphers(n, s, oldest), t.offerSuites(n, s), t.offerCurves(n, s),
		t.offerCertificate(n, s), t.validateALPN(p, n),
	} {
		if err != nil {
			t.errorf(n.Pos, "'server %s/%s' : %v", p.name, n.Name, err)
		}
	}
}

// warnUnusedTLS warns, once for each option, that it has no effect.
func (t *translation) warnUnusedTLS(words []serverWord, note string) {
	for _, w := range words {
		if !t.warnedTLS[w] {
			t.warnedTLS[w] = true
			t.notice(w.Pos, ignored, note, w.keyword)
		}
	}
}

// warnUnusedDefaultTLS warns that global's TLS options for servers have no effect if no check uses
// TLS.
func (t *translation) warnUnusedDefaultTLS() {
	if !t.tlsUsed {
		t.warnUnusedTLS(t.tls.given, noteUnusedDefaultTLS)
	}
}

// droppedItems is the maximum number of dropped names in a warning.
const droppedItems = 4

// warnDropped warns of algorithms that checks do not offer.
func (t *translation) warnDropped(w serverWord, lost []string) {
	if len(lost) == 0 || t.warnedTLS[w] {
		return
	}
	t.warnedTLS[w] = true
	t.notice(w.Pos, differs, "checks do not offer "+shortened(lost)+", which Go's TLS does not have", w.keyword)
}

// shortened joins the names of algorithms, the first few of many.
func shortened(lost []string) string {
	if more := len(lost) - droppedItems; more > 0 {
		lost = append(lost[:droppedItems:droppedItems], fmt.Sprintf("%d more", more))
	}
	return strings.Join(lost, ", ")
}

func (t *translation) offerCiphers(n *server, s *tlsSettings, oldest int) error {
	w := s.ciphers
	if w.keyword == "" {
		return nil
	}
	list, _ := memoize(t.ciphers, w.value, func() (cipherList, error) { return parseCiphers(w.value), nil })
	if len(list.ours) == 0 {
		return fmt.Errorf("%v: Go's TLS has none of these cipher suites: expected one that is available, such as ECDHE-RSA-AES128-GCM-SHA256", w)
	}
	if oldest < newestTLS { // otherwise they have no effect
		n.checkTLS.Ciphers = list.ours
		t.warnDropped(w, list.dropped)
	}
	return nil
}

// offerSuites validates the cipher suites of TLS 1.3: crypto/tls always offers all three.
func (t *translation) offerSuites(n *server, s *tlsSettings) error {
	w := s.ciphersuites
	if w.keyword == "" || n.checkTLS.MaxVersion != "" {
		return nil
	}
	given := strings.Split(w.value, ":")
	var missing []string
	for _, c := range tls.CipherSuites() {
		if slices.Contains(c.SupportedVersions, tls.VersionTLS13) && !slices.Contains(given, c.Name) {
			missing = append(missing, c.Name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%v: leaving out %s is not available for checks, which offer all suites of TLS 1.3: expected them all, or 'ssl-max-ver TLSv1.2'", w, strings.Join(missing, " and "))
	}
	t.warnDropped(w, slices.DeleteFunc(given, func(name string) bool {
		return slices.ContainsFunc(tls.CipherSuites(), func(c *tls.CipherSuite) bool { return c.Name == name })
	}))
	return nil
}

// opensslCurves maps OpenSSL's names of key exchanges, in lower case, to ours. The empty ones are
// missing in crypto/tls.
var opensslCurves = map[string]string{
	"x25519": "x25519", "p-256": "secp256r1", "prime256v1": "secp256r1", "secp256r1": "secp256r1", "p-384": "secp384r1", "secp384r1": "secp384r1",
	"p-521": "secp521r1", "secp521r1": "secp521r1", "x25519mlkem768": "x25519mlkem768",
	"x448": "", "p-192": "", "prime192v1": "", "p-224": "", "secp224r1": "", "secp256k1": "", "sect571r1": "", "sect409k1": "",
	"ffdhe2048": "", "ffdhe3072": "", "ffdhe4096": "", "ffdhe6144": "", "ffdhe8192": "",
	"brainpoolp256r1": "", "brainpoolp384r1": "", "brainpoolp512r1": "", "brainpoolp256r1tls13": "", "brainpoolp384r1tls13": "", "brainpoolp512r1tls13": "",
	"secp256r1mlkem768": "", "secp384r1mlkem1024": "", "mlkem512": "", "mlkem768": "", "mlkem1024": "",
}

func (t *translation) offerCurves(n *server, s *tlsSettings) error {
	w := s.curves
	if w.keyword == "" {
		return nil
	}
	curves, lost, err := readCurves(w)
	if err != nil {
		return err
	}
	n.checkTLS.Curves = curves
	t.warnDropped(w, lost)
	return nil
}

// readCurves returns the curves of a list in Caddy's words, and those that are not available.
func readCurves(w serverWord) (curves, lost []string, err error) {
	for name := range strings.SplitSeq(w.value, ":") {
		ours, known := opensslCurves[strings.ToLower(name)]
		switch {
		case !known:
			return nil, nil, fmt.Errorf("unable to set SSL curves list to '%s': unknown curve '%s'", w.value, name)
		case ours == "":
			lost = append(lost, name)
		case !slices.Contains(curves, ours):
			curves = append(curves, ours)
		}
	}
	if len(curves) == 0 {
		return nil, nil, fmt.Errorf("%v: Go's TLS has none of these curves: expected one that is available, such as X25519 or P-256", w)
	}
	return curves, lost, nil
}

// validateALPN reports a health check over HTTP that offers no protocol it can speak.
func (t *translation) validateALPN(p *proxy, n *server) error {
	h := t.checkOf(p, n)
	if h.module != httpScript {
		return nil
	}
	connects := []connectOptions{{usual: true}}
	if h.connects() {
		connects = nil
		for i := range h.rules.steps {
			connects = append(connects, h.rules.steps[i].connectOptions)
		}
	}
	for _, v := range connects {
		offered := n.protocols(v.alpn)
		if (v.tls || v.usual && n.check.tls) && len(offered) > 0 && len(httpProtocols(offered)) == 0 {
			return errors.New("'check-alpn " + strings.Join(offered, ",") + "': another protocol than HTTP/1.1 is not available for checks over HTTP: expected http/1.1 among them")
		}
	}
	return nil
}

// protocols returns the protocols that a health check offers by ALPN: those of its connect step, of
// check-alpn, or of the server's alpn.
func (n *server) protocols(alpn string) []string {
	for _, list := range []string{alpn, n.check.alpn, n.tls.alpn.value} {
		if list != "" {
			return strings.Split(list, ",")
		}
	}
	return nil
}

// httpProtocols returns the protocols that a health check over HTTP can speak.
func httpProtocols(protocols []string) []string {
	return slices.DeleteFunc(slices.Clone(protocols), func(p string) bool { return p != "http/1.1" && p != "http/1.0" })
}

// verifies reports whether the server's certificate is verified.
func (t *translation) verifies(n *server) bool {
	return n.check.verify != "none" && (n.check.verify != "" || !t.verifyNone)
}

// speaksTLS reports whether the health check uses TLS regardless of the server's line.
func (h *healthCheck) speaksTLS() bool {
	return h.hasRules() && slices.ContainsFunc(h.rules.steps, func(s checkStep) bool { return s.connectOptions.tls })
}
