// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"errors"
	"fmt"
)

// The sentinels that errors of [Parse] and [Inspection.Err] wrap.
var (
	ErrNeedMore  = errors.New("more bytes are needed")
	ErrNotTLS    = errors.New("not TLS")
	ErrSSLv2     = errors.New("hello in SSLv2 format")
	ErrMalformed = errors.New("malformed")
	ErrTooLarge  = errors.New("too large")
)

// The errors are prepared, so that rejecting a client's bytes does not allocate.
var (
	errFirstByte = fmt.Errorf("%w: first byte begins no hello", ErrNotTLS)
	errVersion   = fmt.Errorf("%w: record version is 16.0 or higher", ErrNotTLS)
	errNotSSLv2  = fmt.Errorf("%w: first bytes resemble an SSLv2 hello but are not one", ErrNotTLS)

	errEmptyRecord    = malformed("empty record")
	errLongRecord     = malformed("record longer than 16384 bytes")
	errInterleaved    = malformed("record of another type before the end of the hello")
	errNotClientHello = malformed("first handshake message is not a ClientHello")
	errShortHello     = malformed("ClientHello too short for its mandatory fields")

	errNotHandshake     = fmt.Errorf("%w: first record is not one of a handshake", ErrNotTLS)
	errNotServerHello   = malformed("first handshake message is not a ServerHello")
	errShortServerHello = malformed("ServerHello too short for its mandatory fields")

	errSessionID    = malformed("session id cut off or longer than 32 bytes")
	errCipherSuites = malformed("cipher suites cut off, empty or of odd length")
	errCompressions = malformed("compression methods cut off or empty")
	errExtensions   = malformed("extensions do not end where the ClientHello ends")
	errExtension    = malformed("extension runs past the end of the extensions")
	errDuplicate    = malformed("extension present twice")

	errNameList    = malformed("server_name: entries do not fill the list, or the list not the extension")
	errNoName      = malformed("server_name: empty list")
	errEmptyName   = malformed("server_name: empty name")
	errLongName    = malformed("server_name: name longer than 255 bytes")
	errNameNUL     = malformed("server_name: NUL byte in the name")
	errSecondName  = malformed("server_name: second host_name")
	errALPN        = malformed("ALPN: names do not fill the list, or the list not the extension")
	errNoALPN      = malformed("ALPN: empty list")
	errEmptyALPN   = malformed("ALPN: empty protocol name")
	errVersionList = malformed("supported_versions: list empty, of odd length or not as long as the extension")

	errGroups       = malformed("supported_groups: list empty, of odd length or not as long as the extension")
	errPointFormats = malformed("ec_point_formats: list empty or not as long as the extension")
	errSignatures   = malformed("signature_algorithms: list empty, of odd length or not as long as the extension")
	errKeyShares    = malformed("key_share: shares do not fill the list, or the list not the extension, or an empty key")
)

func malformed(detail string) error {
	return fmt.Errorf("%w: %s", ErrMalformed, detail)
}
