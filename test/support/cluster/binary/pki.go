package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// lifetime is long enough for any test or demo and short enough that nobody
// takes these certificates for real ones.
const lifetime = 30 * 24 * time.Hour

// runPKI writes the keys and certificates of a control plane, so that no
// openssl is needed:
//
//	controlplane pki --dir DIR --ip IP [--ip IP …]
//	controlplane pki user --dir DIR --name NAME [--group GROUP …]
//
// The first form makes DIR with ca, apiserver, admin, kube-controller-manager
// and kube-scheduler as .crt and .key (PEM, EC P-256), and sa.key (RSA 2048)
// for ServiceAccount tokens. The second adds one client certificate, signed by
// the CA in DIR, as DIR/NAME.crt and DIR/NAME.key. All files have mode 0600.
func runPKI(args []string) error {
	if len(args) > 0 && args[0] == "user" {
		return runPKIUser(args[1:])
	}
	flags := flag.NewFlagSet("pki", flag.ExitOnError)
	dir := flags.String("dir", "", "folder to write to")
	var ips list
	flags.Var(&ips, "ip", "address of the API server (repeatable)")
	_ = flags.Parse(args)
	if *dir == "" || len(ips) == 0 {
		return errors.New("pki needs --dir and --ip")
	}
	if err := os.MkdirAll(*dir, 0o700); err != nil {
		return err
	}
	authority, err := newAuthority(*dir)
	if err != nil {
		return err
	}
	server := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"},
	}
	for _, text := range ips {
		ip := net.ParseIP(text)
		if ip == nil {
			return fmt.Errorf("--ip %q is not an IP address", text)
		}
		server.IPAddresses = append(server.IPAddresses, ip)
	}
	if err := authority.issue("apiserver", server); err != nil {
		return err
	}
	clients := []struct{ file, name, group string }{
		{"admin", "admin", "system:masters"},
		{"kube-controller-manager", "system:kube-controller-manager", ""},
		{"kube-scheduler", "system:kube-scheduler", ""},
	}
	for _, c := range clients {
		if err := authority.issue(c.file, client(c.name, c.group)); err != nil {
			return err
		}
	}
	serviceAccounts, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	return writeKey(filepath.Join(*dir, "sa.key"), serviceAccounts)
}

func runPKIUser(args []string) error {
	flags := flag.NewFlagSet("pki user", flag.ExitOnError)
	dir := flags.String("dir", "", "folder with ca.crt and ca.key")
	name := flags.String("name", "", "user name, also the name of the files")
	var groups list
	flags.Var(&groups, "group", "group of the user (repeatable)")
	_ = flags.Parse(args)
	if *dir == "" || *name == "" || strings.ContainsRune(*name, filepath.Separator) {
		return errors.New("pki user needs --dir and --name (without a slash)")
	}
	authority, err := loadAuthority(*dir)
	if err != nil {
		return err
	}
	return authority.issue(*name, client(*name, groups...))
}

type list []string

func (l *list) String() string         { return strings.Join(*l, ",") }
func (l *list) Set(value string) error { *l = append(*l, value); return nil }

type authority struct {
	dir         string
	certificate *x509.Certificate
	key         crypto.Signer
}

func newAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "rekey test cluster"},
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	if err := date(template); err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if err := writePEM(filepath.Join(dir, "ca.crt"), "CERTIFICATE", der); err != nil {
		return nil, err
	}
	return &authority{dir, certificate, key}, writeKey(filepath.Join(dir, "ca.key"), key)
}

func loadAuthority(dir string) (*authority, error) {
	certificatePEM, err := readPEM(filepath.Join(dir, "ca.crt"))
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(certificatePEM)
	if err != nil {
		return nil, err
	}
	keyPEM, err := readPEM(filepath.Join(dir, "ca.key"))
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(keyPEM)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the key in %s cannot sign", dir)
	}
	return &authority{dir, certificate, signer}, nil
}

// client describes a client certificate: Kubernetes reads the user's name from
// CN and the groups from O.
func client(name string, groups ...string) *x509.Certificate {
	subject := pkix.Name{CommonName: name}
	for _, group := range groups {
		if group != "" {
			subject.Organization = append(subject.Organization, group)
		}
	}
	return &x509.Certificate{Subject: subject, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
}

// issue signs the template for a new key and writes both as file.crt and file.key.
func (a *authority) issue(file string, template *x509.Certificate) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	if err := date(template); err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return err
	}
	if err := writePEM(filepath.Join(a.dir, file+".crt"), "CERTIFICATE", der); err != nil {
		return err
	}
	return writeKey(filepath.Join(a.dir, file+".key"), key)
}

// date sets serial number and validity; a minute back tolerates clocks that disagree.
func date(template *x509.Certificate) error {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-time.Minute)
	template.NotAfter = time.Now().Add(lifetime)
	return err
}

func writeKey(path string, key crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(path, "PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}

func readPEM(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no PEM block", path)
	}
	return block.Bytes, nil
}
