package keyring

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	// Files that cannot be used are read again after this time, or once they change.
	retryAfter = time.Second
	// So often a set of files is read that changes meanwhile.
	maxReads = 10
)

// OnReload has a function called after each reload with the keyring, and once for each new reason why one failed with the
// error. After an error the keys are those of before. For logs and metrics.
func OnReload(report func(*Keyring, error)) ReadOption {
	return func(s *readSettings) { s.onReload = report }
}

// FromFolder follows the files of a mounted Secret. Each call looks whether the kubelet has swapped the link ..data: that
// costs about a microsecond, is never late, and needs no watcher. In a folder without the link it looks at each file
// instead. A mount with subPath never changes.
//
// Files that cannot be used leave the keys of before in force: to refuse every token would be worse. The error is that of
// the first read.
func FromFolder(directory string, options ...ReadOption) (Source, error) {
	f := &folder{directory: directory, options: options, report: settingsOf(options).onReload}
	version, keyring, err := f.load()
	if err != nil {
		return nil, err
	}
	f.version, f.keyring = version, keyring
	return f.current, nil
}

type folder struct {
	directory string
	options   []ReadOption
	report    func(*Keyring, error)

	mutex    sync.Mutex
	version  version
	keyring  *Keyring
	failed   version // the one that could not be used
	failedAt time.Time
	failure  string
}

func (f *folder) current() *Keyring {
	keyring, news := f.newest()
	// without the lock: the report may ask for the keys
	news()
	return keyring
}

func nothing() {}

// newest returns the keys, and what reports how they came.
func (f *folder) newest() (*Keyring, func()) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	found := f.versionNow()
	isFailed := f.failure != "" && found.equals(f.failed) && time.Since(f.failedAt) < retryAfter
	if found.equals(f.version) || isFailed {
		return f.keyring, nothing
	}
	version, keyring, err := f.load()
	if err == nil {
		f.version, f.keyring, f.failure = version, keyring, ""
		return keyring, func() { f.report(keyring, nil) }
	}
	isNew := err.Error() != f.failure
	f.failed, f.failedAt, f.failure = found, time.Now(), err.Error()
	if isNew {
		return f.keyring, func() { f.report(nil, err) }
	}
	return f.keyring, nothing
}

// load reads all files through one resolved link, so that two versions are never mixed; once more if they changed
// meanwhile.
func (f *folder) load() (version, *Keyring, error) {
	for range [maxReads]struct{}{} {
		found, texts := f.versionNow(), map[string]string{}
		from := f.link()
		if from == "" {
			from = f.directory
		}
		var failure error
		for _, name := range variables {
			text, err := os.ReadFile(filepath.Join(from, name))
			// only some folders have all
			if err != nil && !errors.Is(err, fs.ErrNotExist) && failure == nil {
				failure = refuse(name, name, "of the mounted folder cannot be read: %v", errors.Unwrap(err))
			}
			texts[name] = string(text)
		}
		// the kubelet removes a version once it has swapped the link: what is missing then says nothing
		if !found.equals(f.versionNow()) {
			continue
		}
		if failure != nil {
			return version{}, nil, failure
		}
		keyring, err := Read(func(name string) string { return texts[name] }, f.options...)
		return found, keyring, err
	}
	return version{}, nil, refuse(variables[0], variables[0], "in %s changes while it is read", f.directory)
}

// link returns the folder that ..data points at; empty if there is no such link.
func (f *folder) link() string {
	link, err := os.Readlink(filepath.Join(f.directory, "..data"))
	if err != nil {
		return ""
	}
	return filepath.Join(f.directory, link)
}

// version is equal to another while nothing has changed.
type version struct {
	link  string
	files []fs.FileInfo // where there is no link; nil for a file that cannot be seen
}

func (v version) equals(other version) bool {
	return v.link == other.link && slices.EqualFunc(v.files, other.files, isUnchanged)
}

// isUnchanged compares the files themselves, too: a copy can have the size and the time of what it replaces.
func isUnchanged(one, other fs.FileInfo) bool {
	if one == nil || other == nil {
		return one == other
	}
	return os.SameFile(one, other) && one.Size() == other.Size() && one.ModTime().Equal(other.ModTime())
}

func (f *folder) versionNow() version {
	if link := f.link(); link != "" {
		return version{link: link}
	}
	files := make([]fs.FileInfo, len(variables))
	for i, name := range variables {
		if info, err := os.Stat(filepath.Join(f.directory, name)); err == nil {
			files[i] = info
		}
	}
	return version{files: files}
}
