# frozen_string_literal: true

# rekey's preload for Ruby 3.0 and newer: RUBYOPT="-r/path/rekey.rb". A service that verifies JWTs with ruby-jwt and JWT_SECRET_KEY
# alone then accepts those signed with a key of JWT_SECRET_KEY_FALLBACKS, too. See docs/services/preload.md.
#
# The safety rule. A fallback is tried only if
#   1. the library's own check said no,
#   2. the key bytes equal JWT_SECRET_KEY, and no other variable's,
#   3. the message is header.payload whose header names exactly the HS variant being computed, without crit,
#   4. the signature equals that HMAC under a fallback.
# Claims, expiry and allowed algorithms stay with the library. Signing is never touched.
module RekeyPreload
  MOST_FALLBACKS = 32
  HASHES = { 'HS256' => 'SHA256', 'HS384' => 'SHA384', 'HS512' => 'SHA512' }.freeze
  INPUT = /\A([A-Za-z0-9_-]{1,4096})\.[A-Za-z0-9_-]+\z/n

  class << self
    def say(text)
      $stderr.puts("rekey preload: #{text}")
    rescue StandardError
      nil # a process without standard error
    end

    def start
      @current = ENV.fetch('JWT_SECRET_KEY', '').b
      list = ENV.fetch('JWT_SECRET_KEY_FALLBACKS', '').b
      return if list.empty?

      wrong = wrong_in(list)
      return say("#{wrong}; no fallback is accepted") if wrong

      @fallbacks = list.split(',') - [@current]
      watch unless @fallbacks.empty?
    rescue StandardError => e
      say("#{e.class}: it could not start; no fallback is accepted")
    end

    # What keeps the fallbacks from being used, without any of their text; nil if nothing does.
    def wrong_in(list)
      entries = list.split(',', -1)
      return 'JWT_SECRET_KEY_FALLBACKS is set, but JWT_SECRET_KEY is not' if @current.empty?
      return "JWT_SECRET_KEY_FALLBACKS has more than #{MOST_FALLBACKS} entries" if entries.size > MOST_FALLBACKS
      return 'JWT_SECRET_KEY_FALLBACKS is JSON or in quotes, not keys with a comma between them' if list.start_with?('"', "'", '[', '{')
      return 'JWT_SECRET_KEY_FALLBACKS has an empty entry' if entries.any?(&:empty?)
      return unless list.dup.force_encoding('UTF-8').scrub.match?(/[[:space:][:cntrl:]]/)

      'JWT_SECRET_KEY_FALLBACKS has white space or a control character in it'
    end

    # Hooks the HMAC of ruby-jwt as soon as it is there: first a module with methods of its own, later a class.
    def look
      return if @hooked || !defined?(::JWT) || Ractor.current != Ractor.main

      hmac = [('Algos' if defined?(::JWT::Algos::Hmac)), ('JWA' if defined?(::JWT::JWA::Hmac))].compact
      hmac = hmac.map { |name| ::JWT.const_get(name)::Hmac }.find { |each| each.respond_to?(:verify) || verifies?(each) }
      return unless hmac

      verifies?(hmac) ? hmac.prepend(AsObject) : hmac.singleton_class.prepend(AsModule)
      @hooked = true
    rescue StandardError => e
      @hooked = true
      say("ruby-jwt is not as expected (#{e.class}); its fallbacks are refused")
    end

    # Rules 2, 3 and 4, for what the library has refused.
    def fallback?(variant, key, message, signature)
      hash = HASHES[variant]
      return false unless hash && key.is_a?(String) && same?(key.b, @current) && names_exactly?(message.b, variant)

      @fallbacks.count { |each| same?(OpenSSL::HMAC.digest(hash, each, message), signature.b) }.positive?
    rescue StandardError
      false
    end

    private

    # Each require may have brought ruby-jwt. An alias, as RubyGems and others do it: a prepended method does not go with theirs.
    def watch
      Kernel.module_eval do
        alias_method :rekey_preload_require, :require
        # def, not define_method: a block of ours could not run in a Ractor
        def require(path)
          rekey_preload_require(path).tap { RekeyPreload.look }
        end
        private :require, :rekey_preload_require
      end
    end

    def verifies?(hmac)
      hmac.is_a?(Class) && hmac.method_defined?(:verify)
    end

    # Rule 3.
    def names_exactly?(message, variant)
      encoded = INPUT.match(message)&.[](1)
      return false unless encoded

      header = ::JSON.parse(encoded.tr('-_', '+/').unpack1('m'))
      header.is_a?(Hash) && header['alg'] == variant && !header.key?('crit')
    end

    def same?(mine, theirs)
      mine.bytesize == theirs.bytesize && OpenSSL.fixed_length_secure_compare(mine, theirs)
    end
  end

  # One module for all variants, which takes four values, or one struct of them.
  module AsModule
    def verify(*given)
      super || RekeyPreload.fallback?(*(given.size == 1 ? given.first.to_a : given))
    end
  end

  # An object for each variant.
  module AsObject
    def verify(data:, signature:, verification_key:)
      super || RekeyPreload.fallback?(alg, verification_key, data, signature)
    end
  end
end

RekeyPreload.start
