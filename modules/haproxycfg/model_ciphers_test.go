// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"crypto/tls"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The suites listed as crypto/tls's exist there.
func TestSuitesExistInGo(t *testing.T) {
	all := slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites())
	for _, s := range opensslSuites {
		if s.ours != "" && !slices.ContainsFunc(all, func(c *tls.CipherSuite) bool { return c.Name == s.ours }) {
			t.Errorf("crypto/tls has no %s", s.ours)
		}
	}
}

// Lists stand for the same suites as in OpenSSL.
func TestCiphersAgainstOpenSSL(t *testing.T) {
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip(err)
	}
	for _, list := range []string{
		"ALL", "DEFAULT", "HIGH:!aNULL", "HIGH:!aNULL:!MD5", "ECDHE+AESGCM", "ECDHE+AESGCM:ECDHE+CHACHA20", "ECDH+AESGCM:DH+AESGCM:ECDH+AES256:DH+AES256:RSA+AESGCM:!aNULL:!MD5:!DSS",
		"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-SHA384:NOPE", "EECDH+AESGCM:EDH+AESGCM", "AES128+kRSA", "ALL:!kRSA:!SHA1", "ALL:-AES:AES128-SHA", "ALL:!AES:AES128-SHA",
		"HIGH:!DHE:@STRENGTH", "kEECDH+ECDSA", "TLSv1.2", "SSLv3:!CAMELLIA", "TLSv1", "AESCCM", "AESCCM8", "SHA256", "SHA384:SHA", "aECDSA:aDSS", "CAMELLIA128,ARIAGCM", "HIGH +DHE", "DEFAULT:!aRSA", "DEFAULT:!DHE:ARIA256",
		"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305",
	} {
		said, err := exec.Command(path, "ciphers", "-s", "-tls1_2", list+":@SECLEVEL=1").Output()
		if err != nil {
			t.Fatalf("%s: %v", list, err)
		}
		var want []string
		for name := range strings.SplitSeq(strings.TrimSpace(string(said)), ":") {
			if i := slices.IndexFunc(opensslSuites, func(s suite) bool { return s.name == name }); i >= 0 {
				want = append(want, name)
			} else if !strings.HasPrefix(name, "ADH-") && !strings.HasPrefix(name, "AECDH-") {
				t.Errorf("OpenSSL offers %s, which is not known", name)
			}
		}
		made := parseCiphers(list)
		var got []string
		for _, s := range opensslSuites {
			if slices.Contains(made.ours, s.ours) || slices.Contains(made.dropped, s.name) {
				got = append(got, s.name)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", list, got, want)
		}
	}
}

func TestDroppedCiphers(t *testing.T) {
	for list, want := range map[string]cipherList{
		"ECDHE-RSA-AES128-GCM-SHA256:NOPE": {[]string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}, []string{"NOPE"}},
		"DHE-RSA-AES128-SHA":               {nil, []string{"DHE-RSA-AES128-SHA"}},
		"!NOPE:!aNULL:kRSA+AES128+SHA":     {[]string{"TLS_RSA_WITH_AES_128_CBC_SHA"}, nil},
		"aNULL:NULL":                       {},
		"":                                 {},
		"NOPE+AES":                         {nil, []string{"NOPE+AES"}},
		"AES128-SHA:@SECLEVEL=0":           {[]string{"TLS_RSA_WITH_AES_128_CBC_SHA"}, []string{"@SECLEVEL=0"}},
	} {
		if got := parseCiphers(list); !slices.Equal(got.ours, want.ours) || !slices.Equal(got.dropped, want.dropped) {
			t.Errorf("%q: got %q, want %q", list, got, want)
		}
	}
	if got := parseCiphers("PROFILE=SYSTEM"); len(got.ours) == 0 || got.dropped[0] != "PROFILE=SYSTEM" {
		t.Errorf("the system's policy: %q", got)
	}
}
