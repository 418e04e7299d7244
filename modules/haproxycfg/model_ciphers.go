// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"
)

// opensslSuites are the cipher suites up to TLS 1.2 that OpenSSL offers to a server with a
// certificate, by OpenSSL's names. After "=" is the name in crypto/tls, if it has the suite.
var opensslSuites = newSuites(`
ECDHE-ECDSA-AES256-GCM-SHA384=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 ECDHE-RSA-AES256-GCM-SHA384=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
ECDHE-ECDSA-CHACHA20-POLY1305=TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 ECDHE-RSA-CHACHA20-POLY1305=TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
ECDHE-ECDSA-AES128-GCM-SHA256=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 ECDHE-RSA-AES128-GCM-SHA256=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
ECDHE-ECDSA-AES128-SHA256=TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 ECDHE-RSA-AES128-SHA256=TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256
ECDHE-ECDSA-AES256-SHA=TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA ECDHE-RSA-AES256-SHA=TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA
ECDHE-ECDSA-AES128-SHA=TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA ECDHE-RSA-AES128-SHA=TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA
AES256-GCM-SHA384=TLS_RSA_WITH_AES_256_GCM_SHA384 AES128-GCM-SHA256=TLS_RSA_WITH_AES_128_GCM_SHA256
AES128-SHA256=TLS_RSA_WITH_AES_128_CBC_SHA256 AES256-SHA=TLS_RSA_WITH_AES_256_CBC_SHA AES128-SHA=TLS_RSA_WITH_AES_128_CBC_SHA
ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384 AES256-SHA256
DHE-DSS-AES256-GCM-SHA384 DHE-RSA-AES256-GCM-SHA384 DHE-RSA-CHACHA20-POLY1305 DHE-DSS-AES128-GCM-SHA256 DHE-RSA-AES128-GCM-SHA256
DHE-RSA-AES256-SHA256 DHE-DSS-AES256-SHA256 DHE-RSA-AES128-SHA256 DHE-DSS-AES128-SHA256
DHE-RSA-AES256-SHA DHE-DSS-AES256-SHA DHE-RSA-AES128-SHA DHE-DSS-AES128-SHA
ECDHE-ECDSA-AES256-CCM8 ECDHE-ECDSA-AES256-CCM DHE-RSA-AES256-CCM8 DHE-RSA-AES256-CCM AES256-CCM8 AES256-CCM
ECDHE-ECDSA-AES128-CCM8 ECDHE-ECDSA-AES128-CCM DHE-RSA-AES128-CCM8 DHE-RSA-AES128-CCM AES128-CCM8 AES128-CCM
ECDHE-ECDSA-ARIA256-GCM-SHA384 ECDHE-ARIA256-GCM-SHA384 DHE-DSS-ARIA256-GCM-SHA384 DHE-RSA-ARIA256-GCM-SHA384 ARIA256-GCM-SHA384
ECDHE-ECDSA-ARIA128-GCM-SHA256 ECDHE-ARIA128-GCM-SHA256 DHE-DSS-ARIA128-GCM-SHA256 DHE-RSA-ARIA128-GCM-SHA256 ARIA128-GCM-SHA256
ECDHE-ECDSA-CAMELLIA256-SHA384 ECDHE-RSA-CAMELLIA256-SHA384 DHE-RSA-CAMELLIA256-SHA256 DHE-DSS-CAMELLIA256-SHA256 CAMELLIA256-SHA256
ECDHE-ECDSA-CAMELLIA128-SHA256 ECDHE-RSA-CAMELLIA128-SHA256 DHE-RSA-CAMELLIA128-SHA256 DHE-DSS-CAMELLIA128-SHA256 CAMELLIA128-SHA256
DHE-RSA-CAMELLIA256-SHA DHE-DSS-CAMELLIA256-SHA CAMELLIA256-SHA DHE-RSA-CAMELLIA128-SHA DHE-DSS-CAMELLIA128-SHA CAMELLIA128-SHA
`)

// suite is a cipher suite.
type suite struct {
	name   string   // OpenSSL's name
	ours   string   // name in crypto/tls; empty: missing there
	groups []string // OpenSSL's names of groups with this suite
}

func newSuites(table string) (all []suite) {
	for entry := range strings.FieldsSeq(table) {
		s := suite{}
		s.name, s.ours, _ = strings.Cut(entry, "=")
		s.groups = groupsOf(s.name)
		all = append(all, s)
	}
	return all
}

// partGroups are the groups that a suite is in because of a part of its name.
var partGroups = map[string][]string{
	"ECDHE":       {"ECDHE", "EECDH", "ECDH", "kECDHE", "kEECDH"},
	"DHE":         {"DHE", "EDH", "DH", "kDHE", "kEDH"},
	"ECDSA":       {"aECDSA", "ECDSA"},
	"DSS":         {"aDSS", "DSS"},
	"AES128":      {"AES", "AES128"},
	"AES256":      {"AES", "AES256"},
	"CAMELLIA128": {"CAMELLIA", "CAMELLIA128"},
	"CAMELLIA256": {"CAMELLIA", "CAMELLIA256"},
	"ARIA128":     {"ARIA", "ARIA128"},
	"ARIA256":     {"ARIA", "ARIA256"},
	"CCM":         {"AESCCM"},
	"CCM8":        {"AESCCM", "AESCCM8"},
	"CHACHA20":    {"CHACHA20"},
}

// hashGroups are the groups of a suite by the hash at the end of its name, unless it has a mode of
// its own, such as GCM.
var hashGroups = map[string][]string{"SHA": {"SHA", "SHA1"}, "SHA256": {"SHA256"}, "SHA384": {"SHA384"}}

// groupsOf derives the groups of a suite from its name.
func groupsOf(name string) []string {
	parts := strings.Split(name, "-")
	has := func(anyOf ...string) bool {
		return slices.ContainsFunc(anyOf, func(part string) bool { return slices.Contains(parts, part) })
	}
	groups := []string{"ALL", "HIGH"}
	add := func(is bool, names ...string) {
		if is {
			groups = append(groups, names...)
		}
	}
	for _, part := range parts {
		add(true, partGroups[part]...)
	}
	aes, modern := has("AES128", "AES256"), has("GCM", "CCM", "CCM8", "CHACHA20")
	add(!has("ECDHE", "DHE"), "kRSA", "RSA")
	add(!has("ECDSA", "DSS"), "aRSA")
	add(aes && has("GCM"), "AESGCM")
	add(has("ARIA128", "ARIA256") && has("GCM"), "ARIAGCM")
	add(!modern, hashGroups[parts[len(parts)-1]]...)
	switch {
	case modern || !has("SHA"):
		add(true, "TLSv1.2")
	case has("ECDHE"):
		add(true, "TLSv1", "TLSv1.0")
	default:
		add(true, "SSLv3")
	}
	add((aes || has("CHACHA20")) && !has("CCM", "CCM8", "DSS"), "DEFAULT")
	return groups
}

// emptySuiteGroups are groups of OpenSSL that contain nothing a client could use with a server that
// has a certificate, or that OpenSSL is built without.
var emptySuiteGroups = strings.Fields("aNULL eNULL NULL ADH AECDH PSK kPSK kECDHEPSK kDHEPSK kRSAPSK aPSK SRP kSRP aSRP MEDIUM LOW EXP EXPORT EXPORT40 EXPORT56 " +
	"3DES DES RC4 RC2 IDEA SEED MD5 GOST94 GOST89MAC aGOST aGOST01 kGOST kDHr kDHd kECDHr kECDHe aDH aECDH kDH CBC COMPLEMENTOFALL COMPLEMENTOFDEFAULT")

// cipherList is the result of reading a list in OpenSSL's language.
type cipherList struct {
	ours    []string // names in crypto/tls
	dropped []string // suites that crypto/tls lacks, and unknown words
}

// parseCiphers reads a list in OpenSSL's language (ciphers(1)). The order does not matter:
// crypto/tls has its own.
func parseCiphers(text string) (list cipherList) {
	chosen := suiteChoice{make([]bool, len(opensslSuites)), make([]bool, len(opensslSuites))}
	for word := range strings.FieldsFuncSeq(text, func(c rune) bool { return strings.ContainsRune(":, ;", c) }) {
		sign, name := cutSign(word)
		if sign == '+' || name == "@STRENGTH" { // only changes the order
			continue
		}
		if name == "PROFILE=SYSTEM" { // Fedora's and its relatives': the policy of the system
			name, list.dropped = "DEFAULT", append(list.dropped, name)
		}
		if known := chosen.apply(sign, name); !known && sign == 0 {
			list.dropped = append(list.dropped, name)
		}
	}
	for i, s := range opensslSuites {
		switch {
		case !chosen.in[i]:
		case s.ours != "":
			list.ours = append(list.ours, s.ours)
		default:
			list.dropped = append(list.dropped, s.name)
		}
	}
	return list
}

// cutSign cuts the sign of a word: "!", "-", "+" or none, which is 0.
func cutSign(word string) (sign byte, name string) {
	if strings.IndexByte("!-+", word[0]) >= 0 {
		return word[0], word[1:]
	}
	return 0, word
}

// suiteChoice holds which of opensslSuites are chosen while a list is read. A killed one is never
// chosen again.
type suiteChoice struct{ in, killed []bool }

// apply applies a word of a list, and reports whether it is known.
func (c suiteChoice) apply(sign byte, name string) (known bool) {
	found, known := matchSuites(name)
	for i, is := range found {
		switch {
		case !is:
			// DEFAULT is ALL:!COMPLEMENTOFDEFAULT.
			c.killed[i] = c.killed[i] || name == "DEFAULT" && sign == 0
		case sign == 0:
			c.in[i] = !c.killed[i]
		default:
			c.in[i], c.killed[i] = false, c.killed[i] || sign == '!'
		}
	}
	return known
}

// matchSuites finds the suites that a word stands for: one suite, or the intersection of groups
// that are joined by "+".
func matchSuites(word string) (found []bool, known bool) {
	found = make([]bool, len(opensslSuites))
	groups := strings.Split(word, "+")
	known = true
	for _, g := range groups {
		known = known && (slices.Contains(emptySuiteGroups, g) || slices.ContainsFunc(opensslSuites, func(s suite) bool { return s.is(g) }))
	}
	for i, s := range opensslSuites {
		found[i] = !slices.ContainsFunc(groups, func(g string) bool { return !s.is(g) })
	}
	return found, known
}

func (s suite) is(name string) bool { return s.name == name || slices.Contains(s.groups, name) }
