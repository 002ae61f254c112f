import { describe, expect, it } from 'vitest';
import { isJwtName, jwtNamesIn } from '../../../src/env/names.ts';

const of = (file: Readonly<Record<string, string>>) =>
  jwtNamesIn(Object.keys(file), (one, other) => file[one] === file[other]);

describe('a name of a JWT key', () => {
  it.each(['JWT_SECRET_KEY', 'JWT_SECRET', 'SECRET_KEY', 'MAIN_JWT_SECRET', 'AUTH_SERVICE_JWT_SECRET_KEY'])(
    'is %s',
    (name) => {
      expect(isJwtName(name)).toBe(true);
    },
  );

  it.each([
    ...['CLERK_SECRET_KEY', 'STRIPE_SECRET_KEY', 'AWS_SECRET_ACCESS_KEY', 'DJANGO_SECRET_KEY', 'SUPABASE_JWT_SECRET'],
    ...['NEXT_PUBLIC_SUPABASE_JWT_SECRET', 'CLERK_JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS', 'JWT_SECRET_KEY_ID'],
    ...['MY_JWT_SECRET_NAME', 'XJWT_SECRET', 'jwt_secret', 'SECRET', 'SECRET_KEY_BASE', 'NEXTAUTH_SECRET', ''],
  ])('is not %s', (name) => {
    expect(isJwtName(name)).toBe(false);
  });
});

describe('the names of the shared key in a file', () => {
  it('are JWT_SECRET_KEY and JWT_SECRET, whether they are equal or not', () => {
    expect(of({ JWT_SECRET: 'a', PORT: '1', JWT_SECRET_KEY: 'b' })).toEqual(['JWT_SECRET_KEY', 'JWT_SECRET']);
  });

  it('are SECRET_KEY too, where its value is that of a JWT name', () => {
    expect(of({ SECRET_KEY: 'a', JWT_SECRET_KEY: 'a' })).toEqual(['JWT_SECRET_KEY', 'SECRET_KEY']);
    expect(of({ SECRET_KEY: 'of Django', JWT_SECRET_KEY: 'a' })).toEqual(['JWT_SECRET_KEY']);
    expect(of({ SECRET_KEY: 'of Django', MAIN_JWT_SECRET: 'a' })).toEqual(['MAIN_JWT_SECRET']);
  });

  it('are SECRET_KEY alone, where there is no JWT name', () => {
    expect(of({ SECRET_KEY: 'a', CLERK_SECRET_KEY: 'a' })).toEqual(['SECRET_KEY']);
  });

  it('are those with a prefix where there is no plain one, or with its value', () => {
    expect(of({ MAIN_JWT_SECRET: 'a', ADMIN_JWT_SECRET_KEY: 'b' })).toEqual([
      'ADMIN_JWT_SECRET_KEY',
      'MAIN_JWT_SECRET',
    ]);
    expect(of({ REFRESH_JWT_SECRET: 'b', JWT_SECRET: 'a' })).toEqual(['JWT_SECRET']);
    expect(of({ SHARED_JWT_SECRET: 'a', JWT_SECRET: 'a' })).toEqual(['JWT_SECRET', 'SHARED_JWT_SECRET']);
  });
});
