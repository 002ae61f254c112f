# Asks ruby-jwt all questions of standard input, in one process: which tokens it accepts, and what it signs.
require 'json'
require 'jwt'

asked = JSON.parse($stdin.read)
answers = asked['questions'].map do |question|
  JWT.decode(question['token'], ENV.fetch(question['variable']), true, algorithm: 'HS256', iss: 'shop', verify_iss: true)
  'accepted'
rescue StandardError # some of Ruby's own: it has not accepted the token
  'refused'
end
signed = JWT.encode(asked['claims'], ENV.fetch('JWT_SECRET_KEY'), 'HS256')
print JSON.generate(answers: { text: answers }, signed: signed)
