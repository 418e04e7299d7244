// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// sectionKind is the grade of a section that is not translated, and its note.
type sectionKind struct {
	grade grade
	note  string
}

// untranslated holds the sections that are not translated. Their names are among
// [haproxyfile.SectionKinds], which has all others too.
var untranslated = map[string]sectionKind{
	"peers":       {supported, notePeers},
	"resolvers":   {supported, "names are looked up again after their TTL, but at least after `hold valid`; options of a nameserver's address have no effect"},
	"mailers":     {ignored, "there are no mail alerts"},
	"userlist":    {supported, "hashes of passwords are those of crypt(3) by SHA-256, SHA-512, MD5 and bcrypt"},
	"ring":        {supported, "one without a server keeps nothing for `show events`; `timeout` and the options of servers other than log-proto have no effect"},
	"log-forward": {differs, "syslog is neither received nor forwarded"},
	"log-profile": {differs, noteLogProfile},
	"cache":       {ignored, "it is for mode http"},
	"program":     {differs, "no other program is started"},
	"fcgi-app":    {ignored, "it is for mode http"},
	"http-errors": {ignored, "it is for mode http"},
	"crt-store":   {ignored, noteUnusedCertificate},
	"crt-list":    {ignored, noteUnusedCertificate},
	"traces":      {ignored, "it is for debugging HAProxy"},
	"acme":        {ignored, "Caddy gets certificates by itself"},
}

func (t *translation) readOther(s haproxyfile.Section) {
	if s.Kind == "resolvers" && len(s.Args) == 0 {
		t.incomplete = true
	}
	if len(s.Args) == 0 && slices.Contains([]string{"peers", "resolvers", "mailers", "userlist", "ring"}, s.Kind) {
		t.errorf(s.Pos, "missing name for %s section: expected '%s NAME'", s.Kind, s.Kind)
		return
	}
	k := untranslated[s.Kind]
	if k.grade != supported {
		t.notice(s.Pos, k.grade, k.note, strings.Join(append([]string{s.Kind}, s.Args...), " "))
	}
	switch s.Kind {
	case "ring":
		t.readRing(s)
	case "peers":
		t.readPeers(s)
	case "userlist":
		t.readUserlist(s)
	case "resolvers":
		t.readResolvers(s)
	}
}
